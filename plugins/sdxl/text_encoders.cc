// SPDX-License-Identifier: Apache-2.0

#include "sdxl/text_encoders.h"

#include <malloc.h>

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <optional>

#include "common/text/tokenizer_files.h"
#include "common/weight_reader.h"

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
                                         const nn::Placement& placement) {
  const Checkpoint checkpoint = folder.OpenWeights(encoder);
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
  WeightReader reader(checkpoint);
  made.projection = projects ? projection : 0;
  made.tower = std::make_unique<clip::ClipTextTower>(
      reader, names.tower, projects ? names.whole + "text_projection" : "", text, projection,
      placement);
  reader.CheckAllTaken();
  if (placement.Copies()) checkpoint.ReleasePages();
  made.tokenizer = OpenTokenizer(folder.TokenizerFolder(encoder));
  made.pad = PadOf(folder, encoder, *made.tokenizer);
  return made;
}

TextEncoders::TextEncoders(const Folder& folder, const nn::Placement& placement)
    : first_(Open(folder, "text_encoder", placement)),
      second_(Open(folder, "text_encoder_2", placement)) {
  if (first_.tower->config().positions != second_.tower->config().positions)
    throw Error(DR_FAILED_PRECONDITION,
                folder.path() +
                    ": max_position_embeddings of text_encoder and text_encoder_2 "
                    "differ; their states could not go side by side");
  ::malloc_trim(0);
}

int64_t TextEncoders::width() const {
  return first_.tower->config().tower.width + second_.tower->config().tower.width;
}

std::vector<std::vector<int64_t>> TextEncoders::Encoder::Cut(const std::string& text) const {
  const std::vector<int64_t> ids = tokenizer->EncodeBare(text);
  const auto positions = static_cast<size_t>(tower->config().positions);
  const size_t room = positions - tokenizer->before().size() - tokenizer->after().size();
  std::vector<std::vector<int64_t>> chunks;
  for (size_t begin = 0; begin < ids.size() || begin == 0; begin += room) {
    const auto from = ids.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto count = static_cast<std::ptrdiff_t>(std::min(room, ids.size() - begin));
    std::vector<int64_t> chunk = tokenizer->before();
    chunk.insert(chunk.end(), from, from + count);
    chunk.insert(chunk.end(), tokenizer->after().begin(), tokenizer->after().end());
    chunk.resize(positions, pad);
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

int64_t TextEncoders::Chunks(const Prompt& prompt) const {
  return static_cast<int64_t>(
      std::max(first_.Cut(prompt.text).size(), second_.Cut(prompt.text_2).size()));
}

clip::TextStates TextEncoders::Run(const Encoder& encoder, const std::vector<std::string>& texts,
                                   int64_t skipped, int64_t chunks) {
  const int64_t layers = encoder.tower->config().tower.layers;
  if (skipped < 0 || skipped + 1 > layers)
    throw Error(DR_INVALID_ARGUMENT, "clip_skip is " + std::to_string(skipped) +
                                         ", this model's text encoders have room for 0 to " +
                                         std::to_string(layers - 1));
  std::vector<std::vector<int64_t>> rows;
  for (const std::string& text : texts) {
    std::vector<std::vector<int64_t>> cut = encoder.Cut(text);
    if (static_cast<int64_t>(cut.size()) < chunks)
      cut.resize(static_cast<size_t>(chunks), encoder.Cut("").front());
    rows.insert(rows.end(), cut.begin(), cut.end());
  }
  clip::TextStates result = encoder.tower->States(rows, skipped + 1);
  const auto count = static_cast<int64_t>(texts.size());
  result.states = result.states.reshape({count, -1, result.states.size(2)});
  if (result.embedding.defined())
    result.embedding = result.embedding.reshape({count, chunks, -1}).select(1, 0);
  return result;
}

PromptStates TextEncoders::Encode(const std::vector<Prompt>& prompts, int64_t skipped,
                                  int64_t chunks) const {
  std::vector<std::string> texts;
  std::vector<std::string> texts_2;
  for (const Prompt& prompt : prompts) {
    chunks = std::max(chunks, Chunks(prompt));
    texts.push_back(prompt.text);
    texts_2.push_back(prompt.text_2);
  }
  const clip::TextStates first = Run(first_, texts, skipped, chunks);
  const clip::TextStates second = Run(second_, texts_2, skipped, chunks);
  return {at::cat({first.states, second.states}, 2), second.embedding.contiguous()};
}

}  // namespace darkroom::sdxl
