// SPDX-License-Identifier: Apache-2.0
//
// KeyValueCache holds what the self-attention of every layer has seen of the texts that are being
// written: keys and values, side by side, in one block of memory that is reserved at the start and
// written to step by step. Nothing is concatenated, and when beams change places only what differs
// between two of them is copied: not what their texts have in common.
//
//   layers x rows x places x (2 x width), width = heads x head; slots and rows as in text_decoder.h
//
// One thread at a time.

#ifndef DARKROOM_PLUGINS_COMMON_GENERATE_KEY_VALUE_CACHE_H_
#define DARKROOM_PLUGINS_COMMON_GENERATE_KEY_VALUE_CACHE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

namespace darkroom {

struct CacheShape {
  int64_t layers = 0;
  int64_t slots = 0;
  int64_t beams = 1;  // rows of each slot, once they are spread
  int64_t places = 0;
  int64_t width = 0;
  int64_t heads = 0;
};

class KeyValueCache {
 public:
  // `like`: device and dtype.
  KeyValueCache(const CacheShape& shape, const at::TensorOptions& like);

  // Bytes that a cache of this shape takes.
  static uint64_t BytesOf(const CacheShape& shape, at::ScalarType dtype);

  int64_t length() const { return static_cast<int64_t>(texts_.front().size()); }
  int64_t rows() const { return static_cast<int64_t>(texts_.size()); }

  // Notes that `tokens` (rows x n, int64, on the CPU) come next; then every layer calls Attend
  // once. Throws Error (DR_INVALID_ARGUMENT) when there is no place for them.
  void Extend(const at::Tensor& tokens);

  // `qkv`: rows x n x (3 x width), of the tokens noted last. Keeps keys and values, and returns
  // what the queries see, each what was before it and itself: rows x n x width.
  at::Tensor Attend(int64_t layer, const at::Tensor& qkv);

  void Spread(int64_t beams);
  void Reorder(std::span<const int64_t> parents);
  // The rows of the last slot take the place of this slot's.
  void Remove(int64_t slot);

 private:
  CacheShape shape_;
  int64_t beams_ = 1;
  int64_t new_ = 0;  // tokens noted last
  at::Tensor block_;
  std::vector<std::vector<int64_t>> texts_;  // of each row, to know what two have in common
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_GENERATE_KEY_VALUE_CACHE_H_
