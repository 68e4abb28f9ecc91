// SPDX-License-Identifier: Apache-2.0
//
// Multi-head attention (arXiv:1706.03762) on at::scaled_dot_product_attention, which picks flash or
// another kernel by itself: softmax(Q K^T / sqrt(head)) V.
//
// Attend is the bare function, for whoever keeps keys and values of his own (a cache in text
// generation). SelfAttention and CrossAttention have the four projections, those with the same
// input joined into one.
//
// Sequences are batch x length x width, with width = heads x head. A mask says what is seen: it is
// true (or, as numbers, 0 rather than -inf) where a query's row may look at a key's column, and is
// broadcast to batch x heads x queries x keys.
//
// Ownership: their weights. Threads: immutable once made.

#ifndef DARKROOM_PLUGINS_COMMON_NN_ATTENTION_H_
#define DARKROOM_PLUGINS_COMMON_NN_ATTENTION_H_

#include <ATen/ATen.h>

#include <optional>

#include "common/nn/linear.h"
#include "common/nn/placement.h"
#include "common/nn/weights.h"

namespace darkroom::nn {

// What a query may look at.
struct Sight {
  bool causal = false;             // nothing behind itself; queries and keys are of one length
  std::optional<at::Tensor> mask;  // not together with causal
};

// query: batch x queries x width; key, value: batch x keys x width, each contiguous in its last
// dimension. Returns batch x queries x width, contiguous.
at::Tensor Attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  int64_t heads, const Sight& sight = {});

class SelfAttention {
 public:
  SelfAttention() = default;
  // `qkv`: width -> 3 x width, query, key and value in this order (nn::Join makes one of three).
  SelfAttention(const LinearWeights& qkv, const LinearWeights& out, int64_t heads,
                const Placement& placement);

  // Attention of all rows of `input` among themselves, + residual; both batch x length x width.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& residual,
                        const Sight& sight = {}) const;
  // The same, but only of the rows that `rows` (batch x queries, int64) names, to whose values in
  // `residual` (batch x queries x width) it is added: all that a last block needs which is then
  // read at one place. Causal sight is a mask here, and the caller's affair.
  at::Tensor AtRows(const at::Tensor& input, const at::Tensor& rows, const at::Tensor& residual,
                    const Sight& sight = {}) const;

 private:
  int64_t heads_ = 0;
  int64_t width_ = 0;
  Linear qkv_;
  Linear out_;
};

class CrossAttention {
 public:
  CrossAttention() = default;
  // `kv`: width of the context -> 2 x width, key and value in this order.
  CrossAttention(const LinearWeights& query, const LinearWeights& kv, const LinearWeights& out,
                 int64_t heads, const Placement& placement);

  // Keys and values of a context, batch x keys x context width -> batch x keys x 2 width: made
  // once, however many steps then look at it.
  at::Tensor KeysAndValues(const at::Tensor& context) const { return kv_(context); }
  // `input` and `residual`: batch x queries x width.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& keys_and_values,
                        const at::Tensor& residual, const Sight& sight = {}) const;

 private:
  int64_t heads_ = 0;
  int64_t width_ = 0;
  Linear query_;
  Linear kv_;
  Linear out_;
};

// batch x length x width -> batch x rows x width: the rows that `rows` (batch x rows, int64) names.
at::Tensor TakeRows(const at::Tensor& input, const at::Tensor& rows);

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_ATTENTION_H_
