// SPDX-License-Identifier: Apache-2.0

#include "common/generate/cached_decoder.h"

#include <darkroom/plugin.hpp>
#include <string>

#include "common/nn/attention.h"

namespace darkroom {
namespace {

CacheShape ShapeOf(const StackShape& shape, int64_t slots, int64_t beams, int64_t places) {
  if (places > shape.places)
    throw Error(DR_INVALID_ARGUMENT, "a text of " + std::to_string(places) +
                                         " tokens with its prompt is longer than the network's " +
                                         std::to_string(shape.places));
  return {shape.layers, slots, beams, places, shape.width, shape.heads};
}

}  // namespace

CachedDecoder::CachedDecoder(const DecoderStack& stack, const at::Tensor& context, int64_t beams,
                             int64_t places)
    : stack_(stack),
      text_(ShapeOf(stack.shape(), context.size(0), beams, places), context.options()),
      slots_(context.size(0)) {
  for (int64_t layer = 0; layer < stack.shape().layers; ++layer)
    context_.push_back(stack.KeysAndValues(layer, context));
}

uint64_t CachedDecoder::BytesOf(const StackShape& shape, at::ScalarType dtype, int64_t slots,
                                int64_t beams, int64_t places, int64_t context_length) {
  const auto of_context =
      static_cast<uint64_t>(shape.layers * slots * context_length * 2 * shape.width);
  return KeyValueCache::BytesOf(ShapeOf(shape, slots, beams, places), dtype) +
         of_context * at::elementSize(dtype);
}

at::Tensor CachedDecoder::Feed(const at::Tensor& tokens) {
  const int64_t place = text_.length();
  text_.Extend(tokens);
  at::Tensor x = stack_.Embed(tokens.to(context_.front().device()), place);
  for (int64_t layer = 0; layer < stack_.shape().layers; ++layer)
    x = stack_.RunLayer(layer, x, *this);
  return stack_.Score(x.select(1, x.size(1) - 1)).to(at::kFloat);
}

void CachedDecoder::Remove(int64_t slot) {
  text_.Remove(slot);
  --slots_;
  if (slot == slots_) return;
  for (const at::Tensor& layer : context_) layer[slot].copy_(layer[slots_]);
}

at::Tensor CachedDecoder::AttendText(int64_t layer, const at::Tensor& qkv) {
  return text_.Attend(layer, qkv);
}

at::Tensor CachedDecoder::AttendContext(int64_t layer, const at::Tensor& query) {
  const at::Tensor seen = context_[static_cast<size_t>(layer)].narrow(0, 0, slots_);
  const std::vector<at::Tensor> parts = seen.split(query.size(2), -1);
  const at::Tensor of_slots = query.reshape({slots_, -1, query.size(2)});
  return nn::Attend(of_slots, parts[0], parts[1], stack_.shape().heads).view_as(query);
}

}  // namespace darkroom
