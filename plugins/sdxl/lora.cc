// SPDX-License-Identifier: Apache-2.0

#include "sdxl/lora.h"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "sdxl/fingerprint.h"

namespace darkroom::sdxl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";

// A term of one of the set's files, which keeps it there.
struct Weighted {
  std::shared_ptr<const LoraFile> file;
  const LoraTerm* term;
  double weight;
};

// In float32, where the weight is.
at::Tensor Sum(const at::Tensor& weight, const std::vector<Weighted>& terms) {
  at::Tensor sum = weight.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  const auto matrix = [&sum](const at::Tensor& half) { return half.to(sum.options()).flatten(1); };
  for (const Weighted& one : terms)
    sum.add_(at::mm(matrix(one.term->up), matrix(one.term->down)).reshape(weight.sizes()),
             one.weight * one.term->scale);
  return sum;
}

std::string FilesOf(const std::string& loras) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(loras, error))
    if (std::string name = entry.path().filename(); name.ends_with(kSuffix))
      names.push_back(name.substr(0, name.size() - kSuffix.size()));
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "there are none" : "there are " + text;
}

}  // namespace

std::string PathOf(const std::string& loras, const std::string& name) {
  return loras + "/" + name + std::string(kSuffix);
}

std::string VersionOf(const std::string& loras, const std::string& name) {
  // A name, not a way out of the folder.
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
    throw Error(DR_INVALID_ARGUMENT, "loras: '" + name + "' is no name");
  struct stat file {};
  if (::stat(PathOf(loras, name).c_str(), &file) != 0)
    throw Error(DR_INVALID_ARGUMENT, "loras: '" + name + "' is not there; " + FilesOf(loras));
  // Not its time alone, which a copy may have of what it is a copy of.
  std::string version = name;
  for (const auto number :
       {static_cast<int64_t>(file.st_dev), static_cast<int64_t>(file.st_ino),
        static_cast<int64_t>(file.st_size), static_cast<int64_t>(file.st_mtim.tv_sec),
        static_cast<int64_t>(file.st_mtim.tv_nsec)})
    version += "/" + std::to_string(number);
  return version;
}

LoraSet::LoraSet(const std::vector<Member>& members) {
  std::map<std::string, std::map<std::string, std::vector<Weighted>>> parts;
  Fingerprint fingerprint;
  for (const Member& member : members) {
    // By its bits, since a slider may move by less than a text of it shows.
    identity_ +=
        member.version + "/" + std::to_string(std::bit_cast<uint64_t>(member.weight)) + "/";
    fingerprint.Add(member.file->fingerprint);
    for (const auto& [part, terms] : member.file->parts)
      for (const auto& [tensor, term] : terms)
        parts[part][tensor].push_back({member.file, &term, member.weight});
  }
  fingerprint_ = fingerprint.value();
  for (auto& [part, tensors] : parts) {
    WeightChanges& changes = parts_[part];
    changes.identity = identity_;
    for (auto& [tensor, terms] : tensors)
      changes.tensors[tensor] = [terms = std::move(terms)](const at::Tensor& weight) {
        return Sum(weight, terms);
      };
  }
}

const WeightChanges* LoraSet::Of(const std::string& part) const {
  const auto found = parts_.find(part);
  return found == parts_.end() ? nullptr : &found->second;
}

bool LoraSet::ChangesTexts() const {
  return Of("text_encoder") != nullptr || Of("text_encoder_2") != nullptr;
}

Folder WithLoras(const Folder& base, const LoraSet& set) {
  Folder folder = base;
  for (const char* part : {"unet", "text_encoder", "text_encoder_2"})
    if (const WeightChanges* const changes = set.Of(part))
      for (const auto& [tensor, change] : changes->tensors) folder.SetChange(part, tensor, change);
  return folder;
}

}  // namespace darkroom::sdxl
