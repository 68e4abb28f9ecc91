// SPDX-License-Identifier: Apache-2.0

#include "caption/captioner.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <utility>

#include "caption/words.h"
#include "common/safetensors.h"
#include "common/text/tokenizer_files.h"

namespace darkroom {
namespace {

// Pictures that the tower takes at a time: more are no faster, and take their memory.
constexpr int64_t kPicturesAtOnce = 8;

GenerationSettings ReadDefaults(const Checkpoint& checkpoint) {
  GenerationSettings settings;
  settings.max_new_tokens = 0;  // not said
  if (!checkpoint.HasFile("generation_config.json")) return settings;
  const JsonConfig config = JsonConfig::Read(checkpoint.File("generation_config.json"));
  ReadGenerationSettings(config, &settings);
  config.IgnoreMeta();
  config.IgnoreGeneration();
  config.Ignore({"_from_model_config"});
  config.CheckAllRead();
  return settings;
}

ImageProcessor OpenProcessor(const Checkpoint& checkpoint, const CaptionTraits& traits) {
  ImageProcessor processor(ReadImageProcessing(checkpoint.folder(), traits.processor));
  const ImageSize size = processor.OutputSize({traits.image_size, traits.image_size});
  const ImageSize of_tall = processor.OutputSize({2 * traits.image_size, traits.image_size});
  if (size != ImageSize{traits.image_size, traits.image_size} || size != of_tall)
    throw Error(DR_FAILED_PRECONDITION,
                checkpoint.folder() + ": its pictures become " + std::to_string(size.height) +
                    " x " + std::to_string(size.width) + ", the network takes " +
                    std::to_string(traits.image_size) + " x " + std::to_string(traits.image_size) +
                    ": do preprocessor_config.json and config.json belong together?");
  return processor;
}

}  // namespace

Captioner::Captioner(const Checkpoint& checkpoint, const nn::Placement& placement)
    : placement_(placement),
      tokenizer_(OpenTokenizer(checkpoint.folder())),
      network_(LoadCaptionNetwork(checkpoint, placement)),
      processor_(OpenProcessor(checkpoint, network_->traits())),
      defaults_(ReadDefaults(checkpoint)) {
  defaults_.end = network_->traits().end;
}

std::string Captioner::Describe() const {
  const StackShape& shape = network_->stack().shape();
  const CaptionTraits& traits = network_->traits();
  return traits.family + ", pictures of " + std::to_string(traits.image_size) + " x " +
         std::to_string(traits.image_size) + ", text of " + std::to_string(shape.layers) +
         " layers of " + std::to_string(shape.width) + ", " + nn::Describe(placement_);
}

uint64_t Captioner::WorkingBytes(int64_t pictures, int64_t beams, int64_t tokens) const {
  const StackShape& shape = network_->stack().shape();
  const CaptionTraits& traits = network_->traits();
  // In a tower's block about 12 tensors of its width are alive (feed-forward counts for four), and
  // of scores a handful.
  const auto of_tower = static_cast<uint64_t>(std::min(pictures, kPicturesAtOnce) *
                                              traits.context_length * 12 * traits.tower_width);
  const auto of_scores = static_cast<uint64_t>(pictures * beams * shape.vocabulary * 4);
  const int64_t places = std::min(shape.places, tokens + 1);
  return CachedDecoder::BytesOf(shape, placement_.dtype, pictures, beams, places,
                                traits.context_length) +
         of_tower * at::elementSize(placement_.dtype) + of_scores * sizeof(float);
}

TextRequest Captioner::ToTokens(const CaptionRequest& request) const {
  TextRequest asked;
  asked.prompt = {network_->traits().first_token};
  const std::vector<int64_t> words = tokenizer_->EncodeBare(request.prompt);
  asked.prompt.insert(asked.prompt.end(), words.begin(), words.end());
  asked.settings = request.settings;
  const int64_t places = network_->stack().shape().places;
  asked.settings.max_new_tokens =
      std::min(asked.settings.max_new_tokens, places - static_cast<int64_t>(asked.prompt.size()));
  if (!request.stop.empty()) {
    asked.settings.is_complete = [this, stop = request.stop](std::span<const int64_t> tokens) {
      return FindStop(tokenizer_->Decode(tokens), stop) != std::string::npos;
    };
  }
  asked.on_token = request.on_token;
  return asked;
}

void Captioner::Check(const CaptionRequest& request) const {
  CheckSettings(request.settings);
  const at::Tensor& picture = request.picture;
  if (picture.dim() != 3 || picture.scalar_type() != at::kByte || picture.size(0) < 1 ||
      picture.size(1) < 1 || picture.size(2) < 1 || picture.size(2) > 4)
    throw Error(DR_INVALID_ARGUMENT, "input 'image' has shape " + ShapeText(picture.sizes()) +
                                         ", expected height x width x 1 to 4 bytes");
  const TextRequest asked = ToTokens(request);
  const StackShape& shape = network_->stack().shape();
  if (asked.settings.max_new_tokens < 1)
    throw Error(DR_INVALID_ARGUMENT, "the prompt is of " + std::to_string(asked.prompt.size() - 1) +
                                         " tokens, of the model's " + std::to_string(shape.places) +
                                         " none is left to write");
  for (const int64_t token : asked.prompt) {
    if (token < 0 || token >= shape.vocabulary)
      throw Error(DR_FAILED_PRECONDITION,
                  "token " + std::to_string(token) + " of the tokenizer is not one of the " +
                      std::to_string(shape.vocabulary) +
                      " that the network has: do the files of the model belong together?");
  }
}

std::vector<Caption> Captioner::Run(std::span<const CaptionRequest> requests) const {
  std::vector<TextRequest> asked;
  for (const CaptionRequest& request : requests) asked.push_back(ToTokens(request));
  std::vector<Caption> captions(requests.size());
  for (const std::vector<size_t>& group : GroupRequests(asked)) {
    const int64_t size = network_->traits().image_size;
    std::vector<TextRequest> together;
    std::vector<at::Tensor> contexts;
    int64_t most = 0;
    for (size_t first = 0; first < group.size(); first += kPicturesAtOnce) {
      const size_t last = std::min(group.size(), first + kPicturesAtOnce);
      const at::Tensor pixels =
          at::empty({static_cast<int64_t>(last - first), 3, size, size}, at::kFloat);
      for (size_t at = first; at < last; ++at)
        processor_.Run(requests[group[at]].picture, pixels[static_cast<int64_t>(at - first)]);
      contexts.push_back(network_->Look(pixels.to(placement_.device, placement_.dtype)));
    }
    for (const size_t at : group) {
      together.push_back(asked[at]);
      most = std::max(most, asked[at].settings.max_new_tokens);
    }
    // The last token of a text is not fed any more.
    const int64_t places = static_cast<int64_t>(together.front().prompt.size()) + most - 1;
    CachedDecoder decoder(network_->stack(), at::cat(contexts), together.front().settings.beams,
                          places);
    contexts.clear();
    std::vector<WrittenText> written = Generate(decoder, together);
    for (size_t at = 0; at < group.size(); ++at)
      captions[group[at]] =
          ToCaption(requests[group[at]], asked[group[at]], std::move(written[at]));
  }
  return captions;
}

Caption Captioner::ToCaption(const CaptionRequest& request, const TextRequest& asked,
                             WrittenText written) const {
  std::vector<int64_t> tokens = asked.prompt;
  tokens.insert(tokens.end(), written.tokens.begin(), written.tokens.end());
  std::string text = tokenizer_->Decode(tokens);
  // Looked for behind the prompt, which may have one in it.
  const size_t prompt = std::min(text.size(), tokenizer_->Decode(asked.prompt).size());
  const size_t stop = FindStop(std::string_view(text).substr(prompt), request.stop);
  if (stop != std::string::npos) text.resize(prompt + stop);
  return {LimitWords(Trimmed(text), request.max_words), std::move(written)};
}

}  // namespace darkroom
