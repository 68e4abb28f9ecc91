// SPDX-License-Identifier: Apache-2.0

#include "common/placed_layers.h"

#include <malloc.h>

#include <algorithm>

namespace darkroom {
namespace {

// A few large layers: to tidy up is a walk over all of the file's pages and of the heap.
constexpr uint64_t kReadBytes = uint64_t{256} << 20;

}  // namespace

void PlacedLayers::Add(Layer layer) {
  tensors_.insert(layer.tensors.begin(), layer.tensors.end());
  layers_.push_back({std::move(layer)});
}

bool PlacedLayers::Touches(const WeightChanges* changes, const Layer& layer) {
  return changes != nullptr && std::ranges::any_of(layer.tensors, [&](const std::string& name) {
           return changes->tensors.contains(name);
         });
}

void PlacedLayers::Use(const WeightChanges* changes, const Meant& meant,
                       const std::function<void()>& between) {
  const auto wanted = [&](const Kept& kept) {
    return Touches(changes, kept.layer) ? changes->identity : std::string();
  };
  // First what goes back to the file's pages: so never both sets' own memory is held.
  for (const bool is_plain : {true, false}) {
    for (Kept& kept : layers_) {
      if (meant && !meant(kept.layer.tensors)) continue;
      const std::string identity = wanted(kept);
      if (identity.empty() != is_plain || kept.has == identity) continue;
      if (between) between();
      Make(&kept, changes, identity);
    }
  }
  changed_ = {};
  TidyUp();
}

void PlacedLayers::Make(Kept* kept, const WeightChanges* changes, const std::string& identity) {
  kept->has.reset();
  ++made_;
  try {
    kept->layer.place([&](const std::string& name) { return Tensor(name, changes); });
  } catch (...) {
    changed_ = {};
    TidyUp();
    throw;
  }
  kept->has = identity;
  if (read_bytes_ >= kReadBytes) TidyUp();
}

at::Tensor PlacedLayers::Tensor(const std::string& name, const WeightChanges* changes) {
  const at::Tensor& tensor = checkpoint_.tensors().at(name);
  read_bytes_ += tensor.nbytes();
  if (changes == nullptr || !changes->tensors.contains(name)) return tensor.to(device_);
  if (changed_.first != name) {
    changed_ = {};
    changed_ = {name, changes->tensors.at(name)(tensor.to(device_))};
  }
  return changed_.second;
}

void PlacedLayers::TidyUp() {
  if (read_bytes_ == 0) return;
  if (copies_) checkpoint_.ReleasePages();
  // Layers that went have left holes among those that stay.
  ::malloc_trim(0);
  read_bytes_ = 0;
}

uint64_t PlacedLayers::OwnBytes(const WeightChanges* changes) const {
  uint64_t bytes = 0;
  for (const Kept& kept : layers_)
    if (kept.has != "" || Touches(changes, kept.layer)) bytes += kept.layer.own_bytes;
  return bytes;
}

}  // namespace darkroom
