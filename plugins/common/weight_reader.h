// SPDX-License-Identifier: Apache-2.0
//
// WeightReader hands a network its tensors by name and keeps count, so that a checkpoint which does
// not fit is refused with the names that are missing, left over or of another shape, rather than
// run with weights in the wrong places.
//
// One thread. It refers to the file or checkpoint, which must outlive it; the tensors it gives keep
// the mapping alive by themselves.

#ifndef DARKROOM_PLUGINS_COMMON_WEIGHT_READER_H_
#define DARKROOM_PLUGINS_COMMON_WEIGHT_READER_H_

#include <ATen/ATen.h>

#include <map>
#include <set>
#include <string>

#include "common/checkpoint.h"
#include "common/safetensors.h"

namespace darkroom {

class PlacedLayers;

class WeightReader {
 public:
  explicit WeightReader(const Safetensors& file) : path_(file.path()), tensors_(file.tensors()) {}
  // `layers`: which layers made of what is taken are added to, or nullptr: they stay as they are
  // made. It must outlive the network, too.
  explicit WeightReader(const Checkpoint& checkpoint, PlacedLayers* layers = nullptr)
      : path_(checkpoint.path()),
        tensors_(checkpoint.tensors()),
        checkpoint_(&checkpoint),
        layers_(layers) {}

  // Whether there is such a tensor. Does not take it.
  bool Has(const std::string& name) const { return tensors_.contains(name); }

  // How many dimensions a tensor has; of one that is not there, -1. Does not take it.
  int64_t Dimensions(const std::string& name) const {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? -1 : found->second.dim();
  }

  // A tensor of exactly this shape and of a floating-point dtype, read-only. Throws Error
  // (DR_FAILED_PRECONDITION).
  at::Tensor Take(const std::string& name, at::IntArrayRef shape);

  // This tensor, whatever it is and whether it is there or not, is of no use to the network: an
  // old name, or what training left behind.
  void Ignore(const std::string& name) { taken_.insert(name); }

  // What was taken has been copied to where it is used: its pages may leave memory (see
  // Safetensors::ReleasePages). For between two layers, so that a checkpoint and its copy are never
  // in memory together.
  void ReleasePages() const {
    if (checkpoint_ != nullptr) checkpoint_->ReleasePages();
  }

  PlacedLayers* layers() const { return layers_; }

  // Call last: throws Error when the file holds tensors that nobody took.
  void CheckAllTaken() const;

 private:
  const std::string& path_;
  const std::map<std::string, at::Tensor>& tensors_;
  const Checkpoint* checkpoint_ = nullptr;
  PlacedLayers* layers_ = nullptr;
  std::set<std::string> taken_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_WEIGHT_READER_H_
