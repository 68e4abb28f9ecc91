// SPDX-License-Identifier: Apache-2.0
//
// CachedDecoder writes texts about a context, such as a picture, with a stack of transformer
// layers: a TextDecoder that keeps keys and values of what the stack has read. Those of the text
// grow step by step (KeyValueCache); those of the context are computed once. The beams of a slot
// look at one context: they are taken as further queries to it rather than each getting a copy.
//
// DecoderStack is what a family of networks implements: embedding, layers, scores. It holds weights
// alone and is immutable; a CachedDecoder refers to it, is for one thread, and for one run.

#ifndef DARKROOM_PLUGINS_COMMON_GENERATE_CACHED_DECODER_H_
#define DARKROOM_PLUGINS_COMMON_GENERATE_CACHED_DECODER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "common/generate/key_value_cache.h"
#include "common/generate/text_decoder.h"

namespace darkroom {

struct StackShape {
  int64_t layers = 0;
  int64_t width = 0;
  int64_t heads = 0;
  int64_t places = 0;  // tokens of a text at most, with its prompt
  int64_t vocabulary = 0;
};

// What a layer may ask for while it runs.
class DecoderMemory {
 public:
  virtual ~DecoderMemory() = default;
  // rows x n x (3 x width) of this layer -> rows x n x width; each token sees itself and what was
  // before it.
  virtual at::Tensor AttendText(int64_t layer, const at::Tensor& qkv) = 0;
  // rows x n x width -> the same; each token sees the whole context of its slot.
  virtual at::Tensor AttendContext(int64_t layer, const at::Tensor& query) = 0;
};

class DecoderStack {
 public:
  virtual ~DecoderStack() = default;

  virtual const StackShape& shape() const = 0;
  // Of the context, slots x length x its width -> slots x length x (2 x width), contiguous.
  virtual at::Tensor KeysAndValues(int64_t layer, const at::Tensor& context) const = 0;
  // rows x n, int64, on the stack's device, the first at `place` -> rows x n x width.
  virtual at::Tensor Embed(const at::Tensor& tokens, int64_t place) const = 0;
  virtual at::Tensor RunLayer(int64_t layer, const at::Tensor& x, DecoderMemory& memory) const = 0;
  // rows x width -> rows x vocabulary.
  virtual at::Tensor Score(const at::Tensor& x) const = 0;
};

class CachedDecoder final : public TextDecoder, private DecoderMemory {
 public:
  // `context`: slots x length x its width, on the stack's device. `places`: tokens of a text at
  // most. Throws Error (DR_INVALID_ARGUMENT) when that is more than the stack has.
  CachedDecoder(const DecoderStack& stack, const at::Tensor& context, int64_t beams,
                int64_t places);

  // What it takes beside the weights.
  static uint64_t BytesOf(const StackShape& shape, at::ScalarType dtype, int64_t slots,
                          int64_t beams, int64_t places, int64_t context_length);

  at::Tensor Feed(const at::Tensor& tokens) override;
  void Spread(int64_t beams) override { text_.Spread(beams); }
  void Reorder(std::span<const int64_t> parents) override { text_.Reorder(parents); }
  void Remove(int64_t slot) override;

 private:
  at::Tensor AttendText(int64_t layer, const at::Tensor& qkv) override;
  at::Tensor AttendContext(int64_t layer, const at::Tensor& query) override;

  const DecoderStack& stack_;
  KeyValueCache text_;
  std::vector<at::Tensor> context_;  // of each layer: keys and values
  int64_t slots_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_GENERATE_CACHED_DECODER_H_
