// SPDX-License-Identifier: Apache-2.0
//
// ClipTextTower is the half of CLIP that reads texts (arXiv:2103.00020): a causal transformer. It
// is read off in two ways. CLIP embeds a text by the state where the text ends, normalised and
// projected. Networks that draw after a text want the states of all its tokens, of a layer before
// the last.
//
// What comes after a text's end cannot change it. So for embeddings texts are computed only as far
// as the longest of them goes, and of the last block only their ends.
//
// Ownership: its weights. Threads: immutable once made; it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_COMMON_CLIP_TEXT_TOWER_H_
#define DARKROOM_PLUGINS_COMMON_CLIP_TEXT_TOWER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/clip/tower.h"
#include "common/nn/layer_norm.h"
#include "common/nn/linear.h"
#include "common/nn/transformer_block.h"
#include "common/weight_reader.h"

namespace darkroom::clip {

struct TextConfig {
  TowerConfig tower;
  int64_t vocabulary = 0;
  int64_t positions = 77;
  // SigLIP's: every text is filled up to all positions, and read off at the last of them.
  bool filled_up = false;
  // CLIP's: where a text is read off. 2 is a number that stands for "the token with the highest
  // number", as configs of 2021 have it; any other is the token itself, at its first place.
  int64_t end_token = 49407;
};

// Throws Error (DR_FAILED_PRECONDITION) that names the field which is no good.
TextConfig ReadTextConfig(const JsonConfig& config);

// Throws Error (DR_FAILED_PRECONDITION) for tokens that the vocabulary has not, with so many more,
// since tokenizer and weights are not of one model then.
void CheckTokens(const std::vector<int64_t>& text, const TextConfig& config, int64_t more = 0);

// What States gives.
struct TextStates {
  at::Tensor states;     // texts x length x width
  at::Tensor embedding;  // texts x projection, not normalised; undefined without a projection
};

class ClipTextTower {
 public:
  // Takes PREFIXembeddings.* and so on, and the projection of that name to `projection` outputs;
  // with an empty name there is none. Throws Error as WeightReader does.
  ClipTextTower(WeightReader& reader, const std::string& prefix, const std::string& projection_name,
                const TextConfig& config, int64_t projection, const nn::Placement& placement);

  // Each text as tokens in its frame, at most TextConfig::positions of them. Returns texts x
  // projection, not normalised. Throws Error: DR_FAILED_PRECONDITION when a text does not have the
  // token that ends it or has one that the vocabulary has not, since tokenizer and weights are not
  // of one model then.
  at::Tensor operator()(const std::vector<std::vector<int64_t>>& texts) const;

  // The states of all tokens as they are before the last `skipped` layers, before any norm, and the
  // embedding. Texts are of one length, padded: what pads them has states too. `skipped`: 1 to
  // layers. `more`: vectors x width on the CPU, or undefined: tokens from the vocabulary's end on
  // are these vectors, and never where a text ends. Throws Error as above.
  TextStates States(const std::vector<std::vector<int64_t>>& texts, int64_t skipped,
                    const at::Tensor& more = {}) const;

  const TextConfig& config() const { return config_; }

 private:
  // Where the text is read off.
  int64_t EndOf(const std::vector<int64_t>& text) const;
  // Puts vectors at the places of tokens that the vocabulary has not.
  void PutVectors(const at::Tensor& tokens, const at::Tensor& vectors, at::Tensor* x) const;
  std::vector<int64_t> EndsOf(const std::vector<std::vector<int64_t>>& texts) const;
  // The first `length` tokens of each text, after they are looked up: texts x length x width.
  at::Tensor Embed(const std::vector<std::vector<int64_t>>& texts, int64_t length,
                   const at::Tensor& more = {}) const;
  // What the last block makes of `x`, its input, at these places: texts x projection.
  at::Tensor Project(const at::Tensor& x, const std::vector<int64_t>& ends) const;

  TextConfig config_;
  at::Device device_;
  at::Tensor words_;   // vocabulary x width
  at::Tensor places_;  // positions x width
  std::vector<nn::TransformerBlock> blocks_;
  nn::LayerNorm after_;
  bool has_projection_ = false;
  nn::Linear projection_;
};

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_COMMON_CLIP_TEXT_TOWER_H_
