// SPDX-License-Identifier: Apache-2.0
//
// TextEncoders are the two that Stable Diffusion XL reads a prompt with, each with its tokenizer:
// the states of both go side by side, token by token, and the second gives a vector of the whole
// prompt.
//
// A prompt longer than the encoders' 77 tokens is cut into chunks of as many, each in a frame of
// its own; their states follow each other, and the vector is that of the first. A shorter one of
// the same batch is followed by empty chunks.
//
// Ownership: weights and tokenizers. Threads: immutable once made; it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_TEXT_ENCODERS_H_
#define DARKROOM_PLUGINS_SDXL_TEXT_ENCODERS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/clip/text_tower.h"
#include "common/nn/placement.h"
#include "common/text/tokenizer.h"
#include "sdxl/folder.h"

namespace darkroom::sdxl {

struct Prompt {
  std::string text;
  std::string text_2;  // for the second encoder

  bool operator==(const Prompt&) const = default;
};

struct PromptStates {
  at::Tensor states;  // prompts x length x both widths, length a multiple of positions()
  at::Tensor pooled;  // prompts x projection
};

class TextEncoders {
 public:
  // Throws Error: what Checkpoint, JsonConfig, WeightReader and OpenTokenizer throw.
  TextEncoders(const Folder& folder, const nn::Placement& placement);

  // How many chunks a prompt takes, at least one.
  int64_t Chunks(const Prompt& prompt) const;

  // States of `skipped` + 1 layers before the last ("clip skip"; 0 is what the network was trained
  // with). All prompts are brought to the length of the longest, and to `chunks` at least, so that
  // a prompt and its negative fit each other. Throws Error (DR_INVALID_ARGUMENT) when there are not
  // so many layers.
  PromptStates Encode(const std::vector<Prompt>& prompts, int64_t skipped = 0,
                      int64_t chunks = 1) const;

  int64_t positions() const { return first_.tower->config().positions; }
  // Width of `states` and of `pooled`.
  int64_t width() const;
  int64_t pooled_width() const { return second_.projection; }

 private:
  struct Encoder {
    std::unique_ptr<Tokenizer> tokenizer;
    int64_t pad = 0;
    int64_t projection = 0;  // 0: there is none
    std::unique_ptr<clip::ClipTextTower> tower;

    // The text in frames of positions() tokens, padded.
    std::vector<std::vector<int64_t>> Cut(const std::string& text) const;
  };

  static Encoder Open(const Folder& folder, const std::string& encoder,
                      const nn::Placement& placement);
  static clip::TextStates Run(const Encoder& encoder, const std::vector<std::string>& texts,
                              int64_t skipped, int64_t chunks);

  Encoder first_;
  Encoder second_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_TEXT_ENCODERS_H_
