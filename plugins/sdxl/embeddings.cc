// SPDX-License-Identifier: Apache-2.0

#include "sdxl/embeddings.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <system_error>

#include "common/safetensors.h"

namespace darkroom::sdxl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";

[[noreturn]] void Refuse(const std::string& path, const std::string& words) {
  throw Error(DR_FAILED_PRECONDITION, "embedding " + path + ": " + words);
}

std::vector<std::string> FilesOf(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == kSuffix) paths.push_back(entry.path().string());
  if (error)
    throw Error(DR_NOT_FOUND, "option embeddings: the folder " + folder + " cannot be read: " +
                                  error.message() + "; name it in plugins.files, too");
  std::ranges::sort(paths);
  return paths;
}

int64_t CountOf(const at::Tensor& vectors) { return vectors.dim() == 1 ? 1 : vectors.size(0); }

bool IsOfWord(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '_' || static_cast<signed char>(letter) < 0;
}

// Whether a word goes on from the one side to the other.
bool GoesOn(std::string_view text, size_t at) {
  return at > 0 && at < text.size() && IsOfWord(text[at - 1]) && IsOfWord(text[at]);
}

}  // namespace

Embeddings::Embeddings(const std::string& folder, const std::string& tensor, int64_t width) {
  std::vector<at::Tensor> all;
  int64_t count = 0;
  for (const std::string& path : FilesOf(folder)) {
    const Safetensors file = Safetensors::Open(path);
    const auto& tensors = file.tensors();
    for (const char* name : {"clip_l", "clip_g"})
      if (!tensors.contains(name))
        Refuse(path, std::string("there is no tensor ") + name +
                         "; those of Stable Diffusion XL have clip_l and clip_g");
    for (const auto& [name, value] : tensors) {
      if (name != "clip_l" && name != "clip_g")
        Refuse(path, "tensor " + Quoted(name) + " is not known");
      if (value.dim() < 1 || value.dim() > 2 || value.numel() == 0 || !value.is_floating_point())
        Refuse(path, name + " has shape " + ShapeText(value.sizes()) + ", which is no vectors");
    }
    const at::Tensor& vectors = tensors.at(tensor);
    if (vectors.size(-1) != width)
      Refuse(path, tensor + " has shape " + ShapeText(vectors.sizes()) +
                       ", this model's encoder takes vectors of " + std::to_string(width));
    if (CountOf(tensors.at("clip_l")) != CountOf(tensors.at("clip_g")))
      Refuse(path, "clip_l and clip_g are not of as many vectors");
    all.push_back(vectors.reshape({-1, width}).to(at::kFloat));
    places_[fs::path(path).stem().string()] = {count, CountOf(vectors)};
    count += CountOf(vectors);
  }
  if (!all.empty()) vectors_ = at::cat(all);
}

const std::map<std::string, Embeddings::Place>::value_type* Embeddings::FindAt(
    std::string_view text, size_t at) const {
  const std::map<std::string, Place>::value_type* longest = nullptr;
  for (const auto& place : places_) {
    const std::string& name = place.first;
    if (!text.substr(at).starts_with(name) || GoesOn(text, at) || GoesOn(text, at + name.size()))
      continue;
    if (longest == nullptr || name.size() > longest->first.size()) longest = &place;
  }
  return longest;
}

std::vector<Embeddings::Piece> Embeddings::Cut(std::string_view text) const {
  std::vector<Piece> pieces;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const auto* const found = FindAt(text, at);
    if (found == nullptr) {
      ++at;
      continue;
    }
    if (at > begin) pieces.push_back({text.substr(begin, at - begin)});
    const auto& [name, place] = *found;
    pieces.push_back({text.substr(at, name.size()), place.first, place.count});
    at += name.size();
    begin = at;
  }
  if (begin < text.size() || pieces.empty()) pieces.push_back({text.substr(begin)});
  return pieces;
}

}  // namespace darkroom::sdxl
