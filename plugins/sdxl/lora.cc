// SPDX-License-Identifier: Apache-2.0

#include "sdxl/lora.h"

#include <algorithm>
#include <array>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/safetensors.h"
#include "sdxl/original_names.h"

namespace darkroom::sdxl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr std::array kParts = {"unet", "text_encoder", "text_encoder_2"};

// What is added to a tensor.
struct Term {
  at::Tensor down;
  at::Tensor up;
  double alpha = 0;  // 0: the rank
  double weight = 1;
  std::string file;
};

// Tensors of a part, by their names with '_' for '.' and without ".weight".
using Names = std::map<std::string, std::string>;

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

Names NamesOf(const Folder& folder, const std::string& part) {
  Names names;
  const Checkpoint checkpoint = folder.OpenWeights(part);
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    std::string flat = name;
    if (!TakeEnd(&flat, ".weight")) continue;
    flat = Flat(flat);
    names[flat] = name;
    // In the files of text encoders it is there or not.
    if (part != "unet" && !flat.starts_with("text_model_")) names["text_model_" + flat] = name;
  }
  return names;
}

class Reader {
 public:
  Reader(const Folder& base, const UNetConfig& unet) : original_(unet, '_') {
    for (const char* part : kParts)
      if (base.Has(part)) names_[part] = NamesOf(base, part);
  }

  void Read(const std::string& path, double weight) {
    std::map<std::pair<std::string, std::string>, Term> terms;  // part, tensor
    const Safetensors file = Safetensors::Open(path);
    for (const auto& [key, tensor] : file.tensors()) {
      std::string layer = key;
      const std::optional<Role> role = TakeRole(&layer);
      if (!role) Refuse(path, key, "is nothing that a LoRA of this version holds");
      const char* const part = TakePart(&layer);
      if (part == nullptr) Refuse(path, key, "is of no part of this model");
      Term& term = terms[{part, Find(part, layer, path, key)}];
      if (*role == Role::kAlpha) {
        term.alpha = tensor.to(at::kDouble).item<double>();
      } else {
        (*role == Role::kDown ? term.down : term.up) = tensor;
      }
    }
    for (auto& [place, term] : terms) {
      if (!term.down.defined() || !term.up.defined())
        throw Error(DR_FAILED_PRECONDITION, "LoRA " + path + ": of the two matrices for " +
                                                place.second + " one is missing");
      term.weight = weight;
      term.file = path;
      all_[place].push_back(std::move(term));
    }
  }

  void GiveTo(Folder* folder) const {
    for (const auto& [place, terms] : all_)
      folder->SetChange(place.first, place.second,
                        [terms, name = place.second](const at::Tensor& weight) {
                          return Sum(weight, terms, name);
                        });
  }

 private:
  [[noreturn]] static void Refuse(const std::string& path, const std::string& key,
                                  const std::string& words) {
    throw Error(DR_FAILED_PRECONDITION, "LoRA " + path + ": tensor '" + key + "' " + words);
  }

  std::string Find(const char* part, const std::string& layer, const std::string& path,
                   const std::string& key) const {
    if (!names_.contains(part)) Refuse(path, key, "is of a part that this model is without");
    const Names& names = names_.at(part);
    auto found = names.find(layer);
    if (found == names.end() && part == std::string_view("unet"))
      found = names.find(original_.Find(layer));
    if (found == names.end()) Refuse(path, key, "is of no layer of this model");
    return found->second;
  }

  static at::Tensor Sum(const at::Tensor& weight, const std::vector<Term>& terms,
                        const std::string& name) {
    at::Tensor sum = weight.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    for (const Term& term : terms) {
      const int64_t rank = term.down.size(0);
      const at::Tensor down = term.down.to(at::kFloat).flatten(1);
      const at::Tensor up = term.up.to(at::kFloat).flatten(1);
      if (up.size(1) != rank || up.size(0) * down.size(1) != weight.numel() ||
          up.size(0) != weight.size(0))
        throw Error(DR_FAILED_PRECONDITION,
                    "LoRA " + term.file + ": matrices of " + ShapeText(term.down.sizes()) +
                        " and " + ShapeText(term.up.sizes()) + " are for another layer than " +
                        name + ", " + ShapeText(weight.sizes()));
      const double scale = (term.alpha == 0 ? 1.0 : term.alpha / static_cast<double>(rank));
      sum.add_(at::mm(up, down).reshape(weight.sizes()), term.weight * scale);
    }
    return sum;
  }

  OriginalUNetNames original_;
  std::map<std::string, Names> names_;
  std::map<std::pair<std::string, std::string>, std::vector<Term>> all_;
};

std::string FilesOf(const std::string& loras) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(loras, error))
    if (std::string name = entry.path().filename(); TakeEnd(&name, kSuffix)) names.push_back(name);
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "there are none" : "there are " + text;
}

}  // namespace

std::string PathOf(const std::string& loras, const std::string& name) {
  return loras + "/" + name + std::string(kSuffix);
}

std::string IdentityOf(const std::string& loras, const std::vector<LoraChoice>& choices) {
  std::string identity;
  for (const LoraChoice& choice : choices) {
    // A name, not a way out of the folder.
    if (choice.name.empty() || choice.name.front() == '.' ||
        choice.name.find('/') != std::string::npos)
      throw Error(DR_INVALID_ARGUMENT, "loras: '" + choice.name + "' is no name");
    std::error_code error;
    const auto time = fs::last_write_time(PathOf(loras, choice.name), error);
    if (error)
      throw Error(DR_INVALID_ARGUMENT,
                  "loras: '" + choice.name + "' is not there; " + FilesOf(loras));
    identity += choice.name + "/" + std::to_string(choice.weight) + "/" +
                std::to_string(time.time_since_epoch().count()) + "/";
  }
  return identity;
}

Folder WithLoras(const Folder& base, const UNetConfig& unet, const std::string& loras,
                 const std::vector<LoraChoice>& choices) {
  Reader reader(base, unet);
  for (const LoraChoice& choice : choices) reader.Read(PathOf(loras, choice.name), choice.weight);
  Folder folder = base;
  reader.GiveTo(&folder);
  return folder;
}

}  // namespace darkroom::sdxl
