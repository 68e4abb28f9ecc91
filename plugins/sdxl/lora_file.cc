// SPDX-License-Identifier: Apache-2.0

#include "sdxl/lora_file.h"

#include <algorithm>
#include <array>
#include <darkroom/plugin.hpp>
#include <optional>
#include <string_view>

#include "common/checkpoint.h"
#include "sdxl/fingerprint.h"

namespace darkroom::sdxl {
namespace {

constexpr std::array kParts = {"unet", "text_encoder", "text_encoder_2"};

// A term as far as it was read.
struct Halves {
  at::Tensor down;
  at::Tensor up;
  double alpha = 0;  // 0: the rank
};

std::string Flat(std::string text) {
  std::ranges::replace(text, '.', '_');
  return text;
}

bool TakeEnd(std::string* text, std::string_view end) {
  if (!text->ends_with(end)) return false;
  text->resize(text->size() - end.size());
  return true;
}

bool TakeBegin(std::string* text, std::string_view begin) {
  if (!text->starts_with(begin)) return false;
  text->erase(0, begin.size());
  return true;
}

enum class Role : uint8_t { kDown, kUp, kAlpha };

// The layer's name is left.
std::optional<Role> TakeRole(std::string* key) {
  if (TakeEnd(key, ".alpha")) return Role::kAlpha;
  for (const char* end : {".lora_down.weight", ".lora_A.weight", ".lora.down.weight",
                          "_lora.down.weight", ".lora_linear_layer.down.weight"})
    if (TakeEnd(key, end)) return Role::kDown;
  for (const char* end : {".lora_up.weight", ".lora_B.weight", ".lora.up.weight", "_lora.up.weight",
                          ".lora_linear_layer.up.weight"})
    if (TakeEnd(key, end)) return Role::kUp;
  return {};
}

// Of a layer's name in a LoRA's file the part, of which the layer's flat name is left; or nullptr.
const char* TakePart(std::string* layer) {
  if (TakeBegin(layer, "lora_unet_")) return "unet";
  if (TakeBegin(layer, "lora_te1_")) return "text_encoder";
  if (TakeBegin(layer, "lora_te2_")) return "text_encoder_2";
  for (const char* part : kParts) {
    if (!TakeBegin(layer, std::string(part) + ".")) continue;
    if (const size_t at = layer->find(".processor."); at != std::string::npos) {
      layer->erase(at, std::string_view(".processor").size());
      if (layer->ends_with(".to_out")) layer->append(".0");
    }
    *layer = Flat(*layer);
    return part;
  }
  return nullptr;
}

[[noreturn]] void Refuse(const std::string& path, const std::string& key,
                         const std::string& words) {
  throw Error(DR_FAILED_PRECONDITION, "LoRA " + path + ": tensor '" + key + "' " + words);
}

LoraTerm TermOf(const Halves& halves, at::IntArrayRef sizes, const std::string& path,
                const std::string& tensor) {
  const auto& [down, up, alpha] = halves;
  if (!down.defined() || !up.defined())
    throw Error(DR_FAILED_PRECONDITION,
                "LoRA " + path + ": of the two matrices for " + tensor + " one is missing");
  const bool fits = down.dim() >= 2 && up.dim() >= 2 && up.size(0) == sizes[0] &&
                    up.numel() == up.size(0) * down.size(0) &&
                    up.size(0) * (down.numel() / std::max<int64_t>(down.size(0), 1)) ==
                        c10::multiply_integers(sizes);
  if (!fits)
    throw Error(DR_FAILED_PRECONDITION, "LoRA " + path + ": matrices of " +
                                            ShapeText(down.sizes()) + " and " +
                                            ShapeText(up.sizes()) + " are for another layer than " +
                                            tensor + ", " + ShapeText(sizes));
  return {down, up, alpha == 0 ? 1.0 : alpha / static_cast<double>(down.size(0))};
}

}  // namespace

LoraLayers::LoraLayers(const Folder& folder, const UNetConfig& unet) : original_(unet, '_') {
  for (const char* part : kParts)
    if (folder.Has(part)) Add(folder, part);
}

void LoraLayers::Add(const Folder& folder, const std::string& part) {
  const Checkpoint checkpoint = folder.OpenWeights(part);
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    std::string flat = name;
    // Norms have one dimension, and a table of tokens or places is no layer.
    if (!TakeEnd(&flat, ".weight") || tensor.dim() < 2 || flat.ends_with("token_embedding") ||
        flat.ends_with("position_embedding"))
      continue;
    flat = Flat(flat);
    names_[part][flat] = name;
    // In the files of text encoders it is there or not.
    if (part != "unet" && !flat.starts_with("text_model_"))
      names_[part]["text_model_" + flat] = name;
    shapes_[part][name] = tensor.sizes().vec();
  }
}

std::string LoraLayers::Find(const std::string& part, const std::string& layer) const {
  const auto& names = names_.at(part);
  auto found = names.find(layer);
  if (found == names.end() && part == "unet") found = names.find(original_.Find(layer));
  return found == names.end() ? "" : found->second;
}

uint64_t LoraFile::Bytes() const {
  uint64_t bytes = 0;
  for (const auto& [part, terms] : parts)
    for (const auto& [tensor, term] : terms) bytes += term.down.nbytes() + term.up.nbytes();
  return bytes;
}

void LoraFile::MoveTo(at::Device device) {
  for (auto& [part, terms] : parts) {
    for (auto& [tensor, term] : terms) {
      for (at::Tensor* matrix : {&term.down, &term.up})
        *matrix = matrix->to(device, matrix->scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    }
  }
}

LoraFile ReadLora(const std::string& path, const LoraLayers& layers) {
  const Checkpoint checkpoint = Checkpoint::Open(path);
  std::map<std::string, std::map<std::string, Halves>> halves;
  for (const auto& [key, tensor] : checkpoint.tensors()) {
    std::string layer = key;
    const std::optional<Role> role = TakeRole(&layer);
    if (!role) Refuse(path, key, "is nothing that a LoRA of this version holds");
    const char* const part = TakePart(&layer);
    if (part == nullptr) Refuse(path, key, "is of no part of this model");
    if (!layers.HasPart(part)) Refuse(path, key, "is of a part that this model is without");
    const std::string name = layers.Find(part, layer);
    if (name.empty()) Refuse(path, key, "is of no layer of this model");
    Halves& found = halves[part][name];
    if (*role == Role::kAlpha) {
      found.alpha = tensor.to(at::kDouble).item<double>();
    } else {
      (*role == Role::kDown ? found.down : found.up) = tensor;
    }
  }
  LoraFile file;
  for (const auto& [part, tensors] : halves)
    for (const auto& [name, found] : tensors)
      file.parts[part][name] = TermOf(found, layers.Sizes(part, name), path, name);
  Fingerprint fingerprint;
  fingerprint.AddSample(checkpoint);
  file.fingerprint = fingerprint.value();
  return file;
}

}  // namespace darkroom::sdxl
