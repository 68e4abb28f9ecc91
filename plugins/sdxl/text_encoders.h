// SPDX-License-Identifier: Apache-2.0
//
// TextEncoders are the two that Stable Diffusion XL reads a prompt with, each with its tokenizer:
// the states of both go side by side, token by token, and the second gives a vector of the whole
// prompt. The refiner has the second one alone, which reads the prompt that is else the first's.
//
// A prompt longer than the encoders' 77 tokens is cut into chunks of as many, each in a frame of
// its own; their states follow each other, and the vector is that of the first. A shorter one of
// the same batch is followed by empty chunks.
//
// Within a prompt there may be weights (prompt_weights.h): the states of its tokens are multiplied
// by them, and no mean is restored afterwards; the vector stays. And there may be words that were
// learnt afterwards (embeddings.h).
//
// Ownership: weights and tokenizers. Threads: immutable once made, but by NetworkLayers; it runs on
// the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_TEXT_ENCODERS_H_
#define DARKROOM_PLUGINS_SDXL_TEXT_ENCODERS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clip/text_tower.h"
#include "common/nn/placement.h"
#include "common/text/tokenizer.h"
#include "sdxl/embeddings.h"
#include "sdxl/folder.h"

namespace darkroom::sdxl {

class NetworkLayers;

struct Prompt {
  std::string text;
  std::string text_2;        // for the second encoder
  bool is_weighted = false;  // whether brackets in it are weights

  bool operator==(const Prompt&) const = default;
};

struct PromptStates {
  at::Tensor states;  // prompts x length x both widths, length a multiple of positions()
  at::Tensor pooled;  // prompts x projection
};

class TextEncoders {
 public:
  // `embeddings`: their folder, or empty. `layers`: as UNet has them, or nullptr. Throws Error:
  // what Checkpoint, JsonConfig, WeightReader, OpenTokenizer and Embeddings throw.
  TextEncoders(const Folder& folder, const nn::Placement& placement,
               const std::string& embeddings = "", NetworkLayers* layers = nullptr);

  // How many chunks a prompt takes, at least one.
  int64_t Chunks(const Prompt& prompt) const;

  // States of `skipped` + 1 layers before the last ("clip skip"; 0 is what the network was trained
  // with). All prompts are brought to the length of the longest, and to `chunks` at least, so that
  // a prompt and its negative fit each other. Throws Error (DR_INVALID_ARGUMENT) when there are not
  // so many layers.
  PromptStates Encode(const std::vector<Prompt>& prompts, int64_t skipped = 0,
                      int64_t chunks = 1) const;

  int64_t positions() const { return second_.tower->config().positions; }
  // Width of `states` and of `pooled`.
  int64_t width() const;
  int64_t pooled_width() const { return second_.projection; }

 private:
  // A frame of positions() tokens.
  struct Chunk {
    std::vector<int64_t> tokens;
    std::vector<float> weights;
  };

  struct Encoder {
    std::unique_ptr<Tokenizer> tokenizer;
    Embeddings embeddings;
    int64_t pad = 0;
    int64_t projection = 0;  // 0: there is none
    std::unique_ptr<clip::ClipTextTower> tower;

    // The text's tokens, from the vocabulary's end on those of embeddings, without a frame.
    Chunk Read(const std::string& text, bool is_weighted) const;
    // In frames, padded.
    std::vector<Chunk> Cut(const std::string& text, bool is_weighted) const;
  };

  static Encoder Open(const Folder& folder, const std::string& encoder,
                      const nn::Placement& placement, const std::string& embeddings,
                      NetworkLayers* layers);
  // Of each prompt what this encoder reads: text, or text_2.
  static clip::TextStates Run(const Encoder& encoder, const std::vector<Prompt>& prompts,
                              std::string Prompt::*text, int64_t skipped, int64_t chunks);

  // What the second one reads.
  std::string Prompt::*second_text() const { return first_ ? &Prompt::text_2 : &Prompt::text; }

  std::optional<Encoder> first_;
  Encoder second_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_TEXT_ENCODERS_H_
