// SPDX-License-Identifier: Apache-2.0
//
// PlacedLayers is the list of a network's layers whose weights can be replaced in place: of each,
// which tensors of the checkpoint it was made of, and how it is made of them again. So what is
// added to weights for a while, and taken away again, needs no second copy of the network: layers
// are made again one by one, of the file's tensors, and only those that are to be other than they
// are. What is taken away leaves nothing behind, not even a rounding.
//
// A network that is made with it (WeightReader) fills it: each Linear and Convolution whose weights
// were taken by nn/weights.h. Without it a network is immutable.
//
// Ownership: the checkpoint's mappings, and the layers' tensors together with the network. Threads:
// one at a time, and never while the network runs.

#ifndef DARKROOM_PLUGINS_COMMON_PLACED_LAYERS_H_
#define DARKROOM_PLUGINS_COMMON_PLACED_LAYERS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/checkpoint.h"

namespace darkroom {

// What is made of some of a checkpoint's tensors.
struct WeightChanges {
  std::string identity;  // not empty, and another for other changes
  std::map<std::string, Checkpoint::Change> tensors;
};

class PlacedLayers {
 public:
  // A tensor of the checkpoint by its name, as it is to be now.
  using Source = std::function<at::Tensor(const std::string&)>;
  // Of a layer, by the names of its tensors.
  using Meant = std::function<bool(const std::vector<std::string>&)>;

  struct Layer {
    std::vector<std::string> tensors;          // that it is made of
    std::function<void(const Source&)> place;  // makes it of them again; if it throws, of some
    uint64_t own_bytes =
        0;  // what it holds only when it is changed: else it is in the file's pages
  };

  // `device`: where the layers are. `copies`: whether they are copies of the checkpoint's tensors,
  // whose pages may then leave memory when they have been read.
  PlacedLayers(Checkpoint checkpoint, at::Device device, bool copies)
      : checkpoint_(std::move(checkpoint)), device_(device), copies_(copies) {}
  PlacedLayers(const PlacedLayers&) = delete;
  PlacedLayers& operator=(const PlacedLayers&) = delete;

  const Checkpoint& checkpoint() const { return checkpoint_; }

  // Of a layer that has just been made of the checkpoint as it is.
  void Add(Layer layer);
  // Whether a layer is made of this tensor.
  bool Has(const std::string& tensor) const { return tensors_.contains(tensor); }

  // Makes all layers that are meant what these changes say, or what the file says where that is
  // none; with nullptr all. `between` is called before each that is made. Throws what a change,
  // `between` or the placing throws: then some layers are changed and some not, which the next Use
  // puts right.
  void Use(const WeightChanges* changes, const Meant& meant = {},
           const std::function<void()>& between = {});

  // What the layers that are changed now, or are with these changes, take beyond the file's pages.
  uint64_t OwnBytes(const WeightChanges* changes = nullptr) const;
  // How many layers were made again so far.
  uint64_t made() const { return made_; }

 private:
  struct Kept {
    Layer layer;
    std::optional<std::string> has = "";  // the changes' identity; nothing: a Use has failed
  };

  static bool Touches(const WeightChanges* changes, const Layer& layer);
  void Make(Kept* kept, const WeightChanges* changes, const std::string& identity);
  at::Tensor Tensor(const std::string& name, const WeightChanges* changes);
  void TidyUp();

  const Checkpoint checkpoint_;
  const at::Device device_;
  const bool copies_;
  std::vector<Kept> layers_;
  std::set<std::string> tensors_;
  // The last one that was changed: two layers may be made of one tensor, one behind the other.
  std::pair<std::string, at::Tensor> changed_;
  uint64_t read_bytes_ = 0;  // since it was tidied up
  uint64_t made_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PLACED_LAYERS_H_
