// SPDX-License-Identifier: Apache-2.0

#include "common/nn/attention.h"

#include <darkroom/plugin.hpp>

namespace darkroom::nn {
namespace {

// batch x length x width -> batch x heads x length x head, a view.
at::Tensor SplitHeads(const at::Tensor& tensor, int64_t heads) {
  return tensor.unflatten(-1, {heads, tensor.size(-1) / heads}).transpose(1, 2);
}

int64_t CheckedHeads(int64_t heads, int64_t width) {
  if (heads < 1 || width % heads != 0)
    throw Error(DR_FAILED_PRECONDITION, "attention of width " + std::to_string(width) +
                                            " cannot have " + std::to_string(heads) + " heads");
  return heads;
}

}  // namespace

at::Tensor Attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  int64_t heads, const Sight& sight) {
  const at::Tensor result =
      at::scaled_dot_product_attention(SplitHeads(query, heads), SplitHeads(key, heads),
                                       SplitHeads(value, heads), sight.mask, 0.0, sight.causal);
  return result.transpose(1, 2).flatten(2);
}

SelfAttention::SelfAttention(const LinearWeights& qkv, const LinearWeights& out, int64_t heads,
                             const Placement& placement)
    : heads_(CheckedHeads(heads, out.weight.size(0))),
      width_(out.weight.size(0)),
      qkv_(qkv, placement),
      out_(out, placement) {}

at::Tensor SelfAttention::operator()(const at::Tensor& input, const at::Tensor& residual,
                                     const Sight& sight) const {
  const std::vector<at::Tensor> parts = qkv_(input).split(width_, -1);
  return out_(Attend(parts[0], parts[1], parts[2], heads_, sight), residual);
}

at::Tensor SelfAttention::AtRows(const at::Tensor& input, const at::Tensor& rows,
                                 const at::Tensor& residual, const Sight& sight) const {
  const std::vector<at::Tensor> parts = qkv_(input).split(width_, -1);
  return out_(Attend(TakeRows(parts[0], rows), parts[1], parts[2], heads_, sight), residual);
}

CrossAttention::CrossAttention(const LinearWeights& query, const LinearWeights& kv,
                               const LinearWeights& out, int64_t heads, const Placement& placement)
    : heads_(CheckedHeads(heads, out.weight.size(0))),
      width_(out.weight.size(0)),
      query_(query, placement),
      kv_(kv, placement),
      out_(out, placement) {}

at::Tensor CrossAttention::operator()(const at::Tensor& input, const at::Tensor& keys_and_values,
                                      const at::Tensor& residual, const Sight& sight) const {
  const std::vector<at::Tensor> parts = keys_and_values.split(width_, -1);
  return out_(Attend(query_(input), parts[0], parts[1], heads_, sight), residual);
}

at::Tensor TakeRows(const at::Tensor& input, const at::Tensor& rows) {
  return input.gather(1, rows.unsqueeze(-1).expand({-1, -1, input.size(-1)}));
}

}  // namespace darkroom::nn
