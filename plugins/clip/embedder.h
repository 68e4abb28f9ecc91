// SPDX-License-Identifier: Apache-2.0
//
// Embedder makes embeddings of pictures and texts: preprocessing and tokenizer around a Network, in
// passes that the device has room for.
//
// Embeddings of texts are remembered, since labels are asked for again and again. Which other
// pictures or texts are in the same pass changes nothing but the last bits of a float.
//
// Ownership: network, processor, tokenizer. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_CLIP_EMBEDDER_H_
#define DARKROOM_PLUGINS_CLIP_EMBEDDER_H_

#include <ATen/ATen.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "clip/network.h"
#include "common/checkpoint.h"
#include "common/image/image_processor.h"
#include "common/text/tokenizer.h"

namespace darkroom::clip {

class Embedder {
 public:
  // Texts that are remembered.
  static constexpr size_t kMostTexts = 4096;

  // Reads all that it needs of the checkpoint's folder. Throws Error.
  Embedder(const Checkpoint& checkpoint, const nn::Placement& placement);

  const Network& network() const { return network_; }
  int64_t width() const { return network_.config.projection; }

  // Bytes of the device that one pass takes at most besides the weights.
  static uint64_t WorkingBytes(const ClipConfig& config, const nn::Placement& placement);
  // Pictures that go through the network together.
  static size_t PicturesOfAPass(const VisionConfig& config, const nn::Placement& placement);

  // Called before each pass; what it throws ends the call.
  using BeforePass = std::function<void()>;

  // Each picture height x width x channels, uint8, on the CPU. Returns pictures x width, float32,
  // on the CPU, not normalised. Throws Error: DR_UNIMPLEMENTED when the checkpoint has no such
  // tower, DR_INVALID_ARGUMENT for what is no picture, DR_INTERNAL when a result is not finite.
  at::Tensor Pictures(const std::vector<at::Tensor>& pictures, const BeforePass& before_pass) const;

  // The same of texts, UTF-8. What is longer than the network's positions is cut at its end, as
  // everyone's CLIP and SigLIP do.
  at::Tensor Texts(const std::vector<std::string>& texts, const BeforePass& before_pass);

 private:
  struct Remembered {
    std::string text;
    at::Tensor embedding;
  };

  at::Tensor Pixels(const std::vector<at::Tensor>& pictures, size_t begin, size_t end) const;
  void Remember(const std::string& text, const at::Tensor& embedding);

  Network network_;
  std::optional<ImageProcessor> processor_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::list<Remembered> texts_;  // the newest first
  std::unordered_map<std::string, std::list<Remembered>::iterator> by_text_;
};

// Rows of length one. Throws Error (DR_INTERNAL) for a row of zeros.
at::Tensor Normalized(const at::Tensor& embeddings);

}  // namespace darkroom::clip

#endif  // DARKROOM_PLUGINS_CLIP_EMBEDDER_H_
