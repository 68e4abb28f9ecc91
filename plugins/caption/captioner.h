// SPDX-License-Identifier: Apache-2.0
//
// Captioner writes texts about pictures: it has the network, its tokenizer and what its folder says
// of pictures, and takes several requests together, none of which sees the others.
//
// Threads: one at a time, on the instance's lane. Ownership: it owns the network; pictures are the
// caller's.

#ifndef DARKROOM_PLUGINS_CAPTION_CAPTIONER_H_
#define DARKROOM_PLUGINS_CAPTION_CAPTIONER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "caption/network.h"
#include "common/checkpoint.h"
#include "common/generate/generate.h"
#include "common/image/image_processor.h"
#include "common/nn/placement.h"
#include "common/text/tokenizer.h"

namespace darkroom {

struct CaptionRequest {
  at::Tensor picture;  // height x width x channels (1 to 4), uint8, on the CPU
  std::string prompt;  // the text begins with this; may be empty
  GenerationSettings settings;
  std::vector<std::string> stop;  // the text ends before any of these
  int64_t max_words = 0;          // see LimitWords
  // Called after each token; false: nobody waits any more. May be empty.
  std::function<bool(int64_t tokens)> on_token;
};

struct Caption {
  std::string text;  // with the prompt
  WrittenText written;
};

class Captioner {
 public:
  // Throws Error: DR_NOT_FOUND for files that are missing, DR_FAILED_PRECONDITION for those that
  // are damaged, do not fit each other, or ask for what is not implemented.
  Captioner(const Checkpoint& checkpoint, const nn::Placement& placement);

  const CaptionNetwork& network() const { return *network_; }
  // What the model's generation_config.json says, or the usual.
  const GenerationSettings& defaults() const { return defaults_; }
  std::string Describe() const;

  // What the work on so many pictures takes beside the weights, with texts of so many tokens.
  uint64_t WorkingBytes(int64_t pictures, int64_t beams, int64_t tokens) const;

  // Throws Error (DR_INVALID_ARGUMENT) for a request that cannot be fulfilled, without the others.
  void Check(const CaptionRequest& request) const;
  // A caption for each, in their order. Each has been checked. A text that the network's places do
  // not suffice for ends with the last of them.
  std::vector<Caption> Run(std::span<const CaptionRequest> requests) const;

 private:
  TextRequest ToTokens(const CaptionRequest& request) const;
  Caption ToCaption(const CaptionRequest& request, const TextRequest& asked,
                    WrittenText written) const;

  nn::Placement placement_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<CaptionNetwork> network_;
  ImageProcessor processor_;
  GenerationSettings defaults_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_CAPTION_CAPTIONER_H_
