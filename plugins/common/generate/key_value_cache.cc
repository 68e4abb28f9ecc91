// SPDX-License-Identifier: Apache-2.0

#include "common/generate/key_value_cache.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <utility>

#include "common/nn/attention.h"

namespace darkroom {

KeyValueCache::KeyValueCache(const CacheShape& shape, const at::TensorOptions& like)
    : shape_(shape),
      block_(at::empty({shape.layers, shape.slots * shape.beams, shape.places, 2 * shape.width},
                       like)),
      texts_(static_cast<size_t>(shape.slots)) {}

uint64_t KeyValueCache::BytesOf(const CacheShape& shape, at::ScalarType dtype) {
  return static_cast<uint64_t>(shape.layers * shape.slots * shape.beams * shape.places * 2 *
                               shape.width) *
         at::elementSize(dtype);
}

void KeyValueCache::Extend(const at::Tensor& tokens) {
  new_ = tokens.size(1);
  if (length() + new_ > shape_.places)
    throw Error(DR_INVALID_ARGUMENT, "a text of " + std::to_string(length() + new_) +
                                         " tokens does not fit the " +
                                         std::to_string(shape_.places) + " places that there are");
  for (int64_t row = 0; row < rows(); ++row) {
    const at::Tensor of_row = tokens[row].contiguous();
    const auto* const first = of_row.const_data_ptr<int64_t>();
    auto& text = texts_[static_cast<size_t>(row)];
    text.insert(text.end(), first, first + new_);
  }
}

at::Tensor KeyValueCache::Attend(int64_t layer, const at::Tensor& qkv) {
  const int64_t width = shape_.width;
  const int64_t before = length() - new_;
  const at::Tensor rows_of_layer = block_[layer].narrow(0, 0, rows());
  rows_of_layer.narrow(1, before, new_).copy_(qkv.narrow(2, width, 2 * width));
  const at::Tensor seen = rows_of_layer.narrow(1, 0, length());
  // One new token sees everything; several at the beginning, as a prompt, see what is before them.
  TORCH_CHECK(new_ == 1 || before == 0, "several tokens come only at the beginning");
  nn::Sight sight;
  sight.causal = new_ > 1;
  return nn::Attend(qkv.narrow(2, 0, width), seen.narrow(2, 0, width), seen.narrow(2, width, width),
                    shape_.heads, sight);
}

void KeyValueCache::Spread(int64_t beams) {
  const int64_t slots = rows();
  beams_ = beams;
  if (beams == 1) return;
  std::vector<std::vector<int64_t>> texts;
  for (const auto& text : texts_) texts.insert(texts.end(), static_cast<size_t>(beams), text);
  const int64_t length_now = length();
  texts_ = std::move(texts);
  const at::Tensor used = block_.narrow(2, 0, length_now);
  // From behind: a slot's rows lie where those of later slots have been.
  for (int64_t slot = slots - 1; slot >= 0; --slot) {
    const at::Tensor source = used.select(1, slot).clone();
    used.narrow(1, slot * beams, beams).copy_(source.unsqueeze(1));
  }
}

void KeyValueCache::Reorder(std::span<const int64_t> parents) {
  struct Move {
    int64_t to;
    int64_t first;
    at::Tensor tail;
  };
  std::vector<Move> moves;
  std::vector<std::vector<int64_t>> texts;
  for (size_t row = 0; row < parents.size(); ++row) {
    const int64_t parent = parents[row];
    const auto& theirs = texts_[static_cast<size_t>(parent)];
    const auto& mine = texts_[row];
    const auto differ = std::mismatch(theirs.begin(), theirs.end(), mine.begin()).first;
    const int64_t first = differ - theirs.begin();
    if (first < length()) {
      // Kept aside, since this row may be another's parent.
      moves.push_back({static_cast<int64_t>(row), first,
                       block_.select(1, parent).narrow(1, first, length() - first).clone()});
    }
    texts.push_back(theirs);
  }
  for (const Move& move : moves)
    block_.select(1, move.to).narrow(1, move.first, length() - move.first).copy_(move.tail);
  texts_ = std::move(texts);
}

void KeyValueCache::Remove(int64_t slot) {
  const int64_t last = rows() - beams_;
  const int64_t first = slot * beams_;
  if (first != last) {
    block_.narrow(1, first, beams_)
        .narrow(2, 0, length())
        .copy_(block_.narrow(1, last, beams_).narrow(2, 0, length()));
    std::move(texts_.end() - beams_, texts_.end(), texts_.begin() + first);
  }
  texts_.resize(static_cast<size_t>(last));
}

}  // namespace darkroom
