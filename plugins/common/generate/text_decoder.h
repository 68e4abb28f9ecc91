// SPDX-License-Identifier: Apache-2.0
//
// TextDecoder is a network that writes texts step by step, as Generate drives it: it is given the
// next tokens of every text and answers with the scores of those that may follow.
//
// Texts stand in slots, one for each picture or job, and each slot has the same number of rows, its
// beams: slot s has the rows s * beams to (s + 1) * beams - 1. All rows are of one length. What the
// network has read is kept in a cache, so that a step costs no more than its own tokens.
//
// One thread at a time. Made for one run and thrown away; the network's weights are elsewhere.

#ifndef DARKROOM_PLUGINS_COMMON_GENERATE_TEXT_DECODER_H_
#define DARKROOM_PLUGINS_COMMON_GENERATE_TEXT_DECODER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <span>

namespace darkroom {

class TextDecoder {
 public:
  virtual ~TextDecoder() = default;

  // `tokens`: rows x n, int64, on the CPU: what follows what each row had so far. Returns the
  // scores (logits) after the last of them: rows x vocabulary, float32, on the decoder's device.
  virtual at::Tensor Feed(const at::Tensor& tokens) = 0;

  // Gives each slot `beams` rows that are what its only row was. Called once, after the first Feed.
  virtual void Spread(int64_t beams) = 0;

  // Row i goes on as what row parents[i], of the same slot, was.
  virtual void Reorder(std::span<const int64_t> parents) = 0;

  // A slot is done with: the last slot takes its number.
  virtual void Remove(int64_t slot) = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_GENERATE_TEXT_DECODER_H_
