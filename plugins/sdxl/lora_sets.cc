// SPDX-License-Identifier: Apache-2.0

#include "sdxl/lora_sets.h"

#include <algorithm>
#include <utility>

namespace darkroom::sdxl {

uint64_t NetworkBytes(const Folder& folder, const nn::Placement& placement) {
  uint64_t bytes = 0;
  for (const char* part : {"unet", "text_encoder", "text_encoder_2"})
    if (folder.Has(part)) bytes += folder.OpenWeights(part).BytesIn(placement.dtype);
  return bytes;
}

std::shared_ptr<const Adapted> LoraSets::Find(const std::vector<LoraChoice>& choices) {
  if (choices.empty()) return InPlace(nullptr);
  if (parts_.loras.empty())
    throw Error(DR_INVALID_ARGUMENT,
                "loras: this model has none; its options name their folder as 'loras'");
  // All names are looked at before a file is read.
  std::vector<LoraSet::Member> members;
  for (const LoraChoice& choice : choices)
    members.push_back({VersionOf(parts_.loras, choice.name), nullptr, choice.weight});
  for (size_t i = 0; i < choices.size(); ++i)
    members[i].file = FileOf(choices[i].name, members[i].version);
  auto set = std::make_shared<const LoraSet>(members);
  return parts_.lora_copies == 0 ? InPlace(std::move(set)) : Copy(std::move(set));
}

std::shared_ptr<const LoraFile> LoraSets::FileOf(const std::string& name,
                                                 const std::string& version) {
  const auto found = std::ranges::find_if(
      files_, [&](const std::shared_ptr<Kept>& kept) { return kept->version == version; });
  if (found != files_.end()) {
    files_.splice(files_.begin(), files_, found);
  } else {
    if (!layers_) layers_.emplace(parts_.folder, plain_->unet());
    LoraFile file = ReadLora(PathOf(parts_.loras, name), *layers_);
    uint64_t bytes = file.Bytes();
    // Those that jobs still draw with stay until these have ended.
    for (const auto& kept : files_) bytes += kept->file.Bytes();
    while (!files_.empty() && (files_.size() >= kMostFiles || bytes > kMostFileBytes)) {
      bytes -= files_.back()->file.Bytes();
      files_.pop_back();
    }
    auto kept =
        std::make_shared<Kept>(Kept{version, Lease(parts_.host, file.Bytes()), std::move(file)});
    kept->file.MoveTo(parts_.placement.device);
    files_.push_front(std::move(kept));
  }
  return {files_.front(), &files_.front()->file};
}

std::shared_ptr<const Adapted> LoraSets::InPlace(std::shared_ptr<const LoraSet> set) {
  const uint64_t bytes = plain_->LoraBytes(set.get());
  if (bytes > leased_bytes_) {
    leases_.emplace_back(parts_.host, bytes - leased_bytes_);
    leased_bytes_ = bytes;
  }
  auto made = std::make_shared<Adapted>();
  made->set = std::move(set);
  made->pipeline = plain_;
  return made;
}

std::shared_ptr<const Adapted> LoraSets::Copy(std::shared_ptr<const LoraSet> set) {
  for (auto kept = copies_.begin(); kept != copies_.end(); ++kept) {
    if ((*kept)->set->identity() != set->identity()) continue;
    copies_.splice(copies_.begin(), copies_, kept);
    return copies_.front();
  }
  const Folder folder = WithLoras(parts_.folder, *set);
  // Those that jobs still draw with stay until these have ended.
  while (copies_.size() >= parts_.lora_copies) copies_.pop_back();
  auto made = std::make_shared<Adapted>();
  made->lease.emplace(parts_.host, NetworkBytes(folder, parts_.placement));
  made->copy = std::make_unique<Pipeline>(folder, parts_.placement, parts_.limits, plain_->vae());
  made->set = std::move(set);
  made->pipeline = made->copy.get();
  copies_.push_front(std::move(made));
  return copies_.front();
}

void LoraSets::Settle() {
  if (leased_bytes_ == 0 || plain_->LoraBytes() > 0) return;
  leases_.clear();
  leased_bytes_ = 0;
}

void LoraSets::DropNetworks() {
  for (const auto& adapted : copies_) adapted->copy.reset();
  for (const auto& kept : files_) kept->file.parts.clear();
}

}  // namespace darkroom::sdxl
