// SPDX-License-Identifier: Apache-2.0

#include "sdxl/text_encoders.h"

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <darkroom/plugin.hpp>
#include <iterator>
#include <optional>
#include <ranges>

#include "common/text/tokenizer_files.h"
#include "common/weight_reader.h"
#include "sdxl/network_layers.h"
#include "sdxl/prompt_weights.h"

namespace darkroom::sdxl {
namespace {

// What fills up short texts. It has states that the denoising network looks at, so it matters.
int64_t PadOf(const Folder& folder, const std::string& encoder, const Tokenizer& tokenizer) {
  const std::optional<std::string> token = folder.PadToken(encoder);
  if (!token) return tokenizer.after().back();
  const std::optional<int64_t> id = tokenizer.vocabulary().Find(*token);
  if (!id)
    throw Error(DR_FAILED_PRECONDITION, folder.TokenizerFolder(encoder) + ": the pad_token " +
                                            *token + " is not in the vocabulary");
  return *id;
}

}  // namespace

TextEncoders::Encoder TextEncoders::Open(const Folder& folder, const std::string& encoder,
                                         const nn::Placement& placement,
                                         const std::string& embeddings, NetworkLayers* layers) {
  PlacedLayers* const placed = layers == nullptr ? nullptr : layers->Of(encoder);
  const Checkpoint checkpoint =
      placed == nullptr ? folder.OpenWeights(encoder) : placed->checkpoint();
  const JsonConfig config = folder.Config(encoder);
  // The second one alone has a projection, and is of another class for it.
  const bool projects = folder.Projects(encoder);
  Encoder made;
  const clip::TextConfig text = clip::ReadTextConfig(config);
  const int64_t projection = config.Size("projection_dim", 512);
  config.Only("model_type", std::string("clip_text_model"));
  config.IgnoreMeta();
  config.IgnoreGeneration();
  config.CheckAllRead();

  const clip::Names names =
      clip::FindNames(checkpoint, "text_model.", "embeddings.token_embedding.weight");
  WeightReader reader(checkpoint, placed);
  made.projection = projects ? projection : 0;
  made.tower = std::make_unique<clip::ClipTextTower>(
      reader, names.tower, projects ? names.whole + "text_projection" : "", text, projection,
      placement);
  reader.CheckAllTaken();
  if (placement.Copies()) checkpoint.ReleasePages();
  if (!embeddings.empty())
    made.embeddings =
        Embeddings(embeddings, encoder == "text_encoder" ? "clip_l" : "clip_g", text.tower.width);
  made.tokenizer = OpenTokenizer(folder.TokenizerFolder(encoder));
  made.pad = PadOf(folder, encoder, *made.tokenizer);
  return made;
}

TextEncoders::TextEncoders(const Folder& folder, const nn::Placement& placement,
                           const std::string& embeddings, NetworkLayers* layers)
    : second_(Open(folder, "text_encoder_2", placement, embeddings, layers)) {
  if (folder.Has("text_encoder"))
    first_ = Open(folder, "text_encoder", placement, embeddings, layers);
  if (first_ && first_->tower->config().positions != second_.tower->config().positions)
    throw Error(DR_FAILED_PRECONDITION,
                folder.path() +
                    ": max_position_embeddings of text_encoder and text_encoder_2 "
                    "differ; their states could not go side by side");
  ::malloc_trim(0);
}

int64_t TextEncoders::width() const {
  return (first_ ? first_->tower->config().tower.width : 0) + second_.tower->config().tower.width;
}

TextEncoders::Chunk TextEncoders::Encoder::Read(const std::string& text, bool is_weighted) const {
  Chunk all;
  const std::vector<WeightedText> parts =
      is_weighted ? ParseWeights(text) : std::vector<WeightedText>{{text, 1.0}};
  for (const WeightedText& part : parts) {
    for (const Embeddings::Piece& piece : embeddings.Cut(part.text)) {
      if (piece.count == 0) {
        const std::vector<int64_t> ids = tokenizer->EncodeBare(piece.text);
        all.tokens.insert(all.tokens.end(), ids.begin(), ids.end());
      }
      for (int64_t i = 0; i < piece.count; ++i)
        all.tokens.push_back(tower->config().vocabulary + piece.first + i);
    }
    all.weights.resize(all.tokens.size(), static_cast<float>(part.weight));
  }
  return all;
}

std::vector<TextEncoders::Chunk> TextEncoders::Encoder::Cut(const std::string& text,
                                                            bool is_weighted) const {
  const Chunk all = Read(text, is_weighted);
  const auto positions = static_cast<size_t>(tower->config().positions);
  const size_t room = positions - tokenizer->before().size() - tokenizer->after().size();
  std::vector<Chunk> chunks;
  for (size_t begin = 0; begin < all.tokens.size() || begin == 0; begin += room) {
    const size_t end = std::min(begin + room, all.tokens.size());
    const auto part = [&](const auto& list) {
      const auto at = [&](size_t place) {
        return list.begin() + static_cast<std::ptrdiff_t>(place);
      };
      return std::ranges::subrange(at(begin), at(end));
    };
    Chunk chunk;
    chunk.tokens = tokenizer->before();
    chunk.weights.resize(chunk.tokens.size(), 1);
    std::ranges::copy(part(all.tokens), std::back_inserter(chunk.tokens));
    std::ranges::copy(part(all.weights), std::back_inserter(chunk.weights));
    std::ranges::copy(tokenizer->after(), std::back_inserter(chunk.tokens));
    chunk.tokens.resize(positions, pad);
    chunk.weights.resize(positions, 1);
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

int64_t TextEncoders::Chunks(const Prompt& prompt) const {
  size_t most = second_.Cut(prompt.*second_text(), prompt.is_weighted).size();
  if (first_) most = std::max(most, first_->Cut(prompt.text, prompt.is_weighted).size());
  return static_cast<int64_t>(most);
}

clip::TextStates TextEncoders::Run(const Encoder& encoder, const std::vector<Prompt>& prompts,
                                   std::string Prompt::*text, int64_t skipped, int64_t chunks) {
  const int64_t layers = encoder.tower->config().tower.layers;
  if (skipped < 0 || skipped + 1 > layers)
    throw Error(DR_INVALID_ARGUMENT, "clip_skip is " + std::to_string(skipped) +
                                         ", this model's text encoders have room for 0 to " +
                                         std::to_string(layers - 1));
  std::vector<std::vector<int64_t>> rows;
  std::vector<float> weights;
  for (const Prompt& prompt : prompts) {
    std::vector<Chunk> cut = encoder.Cut(prompt.*text, prompt.is_weighted);
    if (static_cast<int64_t>(cut.size()) < chunks)
      cut.resize(static_cast<size_t>(chunks), encoder.Cut("", false).front());
    for (Chunk& chunk : cut) {
      rows.push_back(std::move(chunk.tokens));
      weights.insert(weights.end(), chunk.weights.begin(), chunk.weights.end());
    }
  }
  clip::TextStates result = encoder.tower->States(rows, skipped + 1, encoder.embeddings.vectors());
  if (std::ranges::any_of(weights, [](float weight) { return weight != 1; }))
    result.states = result.states * at::tensor(weights, at::kFloat)
                                        .reshape({result.states.size(0), -1, 1})
                                        .to(result.states.options());
  const auto count = static_cast<int64_t>(prompts.size());
  result.states = result.states.reshape({count, -1, result.states.size(2)});
  if (result.embedding.defined())
    result.embedding = result.embedding.reshape({count, chunks, -1}).select(1, 0);
  return result;
}

PromptStates TextEncoders::Encode(const std::vector<Prompt>& prompts, int64_t skipped,
                                  int64_t chunks) const {
  for (const Prompt& prompt : prompts) chunks = std::max(chunks, Chunks(prompt));
  const clip::TextStates second = Run(second_, prompts, second_text(), skipped, chunks);
  const at::Tensor pooled = second.embedding.contiguous();
  if (!first_) return {second.states, pooled};
  const clip::TextStates first = Run(*first_, prompts, &Prompt::text, skipped, chunks);
  return {at::cat({first.states, second.states}, 2), pooled};
}

}  // namespace darkroom::sdxl
