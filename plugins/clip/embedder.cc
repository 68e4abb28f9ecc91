// SPDX-License-Identifier: Apache-2.0

#include "clip/embedder.h"

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <exception>
#include <utility>

#include "common/parallel.h"
#include "common/text/tokenizer_files.h"

namespace darkroom::clip {
namespace {

// On a CPU what lies between two layers should stay in its caches; a GPU wants to be filled.
constexpr int64_t kTokensOfAPassCpu = 400;
constexpr int64_t kTokensOfAPassCuda = 12800;

size_t ItemsOfAPass(int64_t tokens, const nn::Placement& placement) {
  // In 8 bits what is together shares a range, and nobody's result may depend on his neighbours.
  if (placement.engine == nn::Engine::kInt8) return 1;
  const int64_t most = placement.device.is_cpu() ? kTokensOfAPassCpu : kTokensOfAPassCuda;
  return static_cast<size_t>(std::max<int64_t>(most / tokens, 1));
}

ImageProcessor MakeProcessor(const Checkpoint& checkpoint, Family family, int64_t edge) {
  ImageProcessor processor(
      ReadImageProcessing(checkpoint.folder(), family == Family::kSiglip ? "Siglip" : "CLIP"));
  // Every picture must come out as the network takes it, whatever its shape.
  for (const ImageSize picture : {ImageSize{100, 100}, {100, 300}, {300, 100}}) {
    const ImageSize size = processor.OutputSize(picture);
    if (size != ImageSize{edge, edge})
      throw Error(DR_FAILED_PRECONDITION,
                  "the folder's image processing makes " + std::to_string(size.height) + " x " +
                      std::to_string(size.width) + " of a picture of " +
                      std::to_string(picture.height) + " x " + std::to_string(picture.width) +
                      ", and config.json has image_size " + std::to_string(edge) +
                      ": they are not of one model");
  }
  return processor;
}

void CheckFinite(const at::Tensor& embeddings, const char* what) {
  if (!at::isfinite(embeddings).all().item<bool>())
    throw Error(DR_INTERNAL, std::string("an embedding of ") + what +
                                 " is not finite: the weights or the dtype are no good here");
}

}  // namespace

Embedder::Embedder(const Checkpoint& checkpoint, const nn::Placement& placement)
    : network_(LoadNetwork(checkpoint, placement)) {
  if (network_.vision)
    processor_ =
        MakeProcessor(checkpoint, network_.config.family, network_.config.vision->image_edge);
  if (network_.text) {
    tokenizer_ = OpenTokenizer(checkpoint.folder());
    // Told now, not with somebody's request: whether tokenizer and weights are of one model.
    Texts({"a"}, [] {});
  }
}

size_t Embedder::PicturesOfAPass(const VisionConfig& config, const nn::Placement& placement) {
  return ItemsOfAPass(config.tokens(), placement);
}

uint64_t Embedder::WorkingBytes(const ClipConfig& config, const nn::Placement& placement) {
  const auto of_pass = [&placement](const TowerConfig& tower, int64_t tokens) {
    const auto rows = static_cast<int64_t>(ItemsOfAPass(tokens, placement)) * tokens;
    // The sequence, its norm, query, key, value and their result, and both sides of the wide part.
    return rows * (6 * tower.width + 2 * tower.inner);
  };
  int64_t numbers = 0;
  if (config.vision) {
    const int64_t edge = config.vision->image_edge;
    const auto pictures = static_cast<int64_t>(PicturesOfAPass(*config.vision, placement));
    numbers =
        of_pass(config.vision->tower, config.vision->tokens()) + 2 * pictures * 3 * edge * edge;
  }
  if (config.text) numbers = std::max(numbers, of_pass(config.text->tower, config.text->positions));
  return static_cast<uint64_t>(numbers) * at::elementSize(placement.dtype);
}

at::Tensor Embedder::Pixels(const std::vector<at::Tensor>& pictures, size_t begin,
                            size_t end) const {
  const int64_t edge = network_.config.vision->image_edge;
  const auto count = static_cast<int64_t>(end - begin);
  at::Tensor pixels = at::empty({count, 3, edge, edge}, at::kFloat);
  ParallelFor(count, [&](int64_t first, int64_t last, int64_t) {
    for (int64_t i = first; i < last; ++i)
      processor_->Run(pictures[begin + static_cast<size_t>(i)], pixels[i]);
  });
  return pixels;
}

at::Tensor Embedder::Pictures(const std::vector<at::Tensor>& pictures,
                              const BeforePass& before_pass) const {
  if (!network_.vision)
    throw Error(DR_UNIMPLEMENTED,
                "this model embeds texts alone: its checkpoint has no "
                "vision_model");
  at::Tensor result =
      at::empty({static_cast<int64_t>(pictures.size()), network_.config.projection}, at::kFloat);
  const size_t step = ItemsOfAPass(network_.config.vision->tokens(), network_.placement);
  for (size_t begin = 0; begin < pictures.size(); begin += step) {
    before_pass();
    const size_t end = std::min(begin + step, pictures.size());
    const at::Tensor pixels = network_.placement.Place(Pixels(pictures, begin, end));
    result.slice(0, static_cast<int64_t>(begin), static_cast<int64_t>(end))
        .copy_((*network_.vision)(pixels));
  }
  CheckFinite(result, "a picture");
  return result;
}

at::Tensor Embedder::Texts(const std::vector<std::string>& texts, const BeforePass& before_pass) {
  if (!network_.text)
    throw Error(DR_UNIMPLEMENTED,
                "this model embeds pictures alone: its checkpoint has no "
                "text_model");
  at::Tensor result =
      at::empty({static_cast<int64_t>(texts.size()), network_.config.projection}, at::kFloat);
  struct New {
    std::vector<int64_t> tokens;
    size_t place;
  };
  std::vector<New> news;
  const auto positions = static_cast<size_t>(network_.config.text->positions);
  const bool filled_up = network_.config.text->filled_up;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto known = by_text_.find(texts[i]);
    if (known == by_text_.end()) {
      news.push_back({filled_up ? tokenizer_->EncodeFilled(texts[i], positions)
                                : tokenizer_->Encode(texts[i], positions),
                      i});
      continue;
    }
    texts_.splice(texts_.begin(), texts_, known->second);
    result[static_cast<int64_t>(i)].copy_(known->second->embedding);
  }
  // Texts of like lengths go together.
  std::stable_sort(news.begin(), news.end(),
                   [](const New& a, const New& b) { return a.tokens.size() < b.tokens.size(); });
  for (size_t begin = 0; begin < news.size();) {
    before_pass();
    // The last of a pass is its longest.
    size_t end = begin + 1;
    while (end < news.size() &&
           end - begin <
               ItemsOfAPass(static_cast<int64_t>(news[end].tokens.size()), network_.placement))
      ++end;
    std::vector<std::vector<int64_t>> tokens;
    for (size_t i = begin; i < end; ++i) tokens.push_back(std::move(news[i].tokens));
    const at::Tensor embeddings = (*network_.text)(tokens).to(at::kCPU, at::kFloat);
    CheckFinite(embeddings, "a text");
    for (size_t i = begin; i < end; ++i) {
      const at::Tensor embedding = embeddings[static_cast<int64_t>(i - begin)];
      result[static_cast<int64_t>(news[i].place)].copy_(embedding);
      Remember(texts[news[i].place], embedding);
    }
    begin = end;
  }
  return result;
}

void Embedder::Remember(const std::string& text, const at::Tensor& embedding) {
  if (by_text_.contains(text)) return;  // twice in one request
  texts_.push_front({text, embedding.clone()});
  by_text_.emplace(text, texts_.begin());
  if (texts_.size() <= kMostTexts) return;
  by_text_.erase(texts_.back().text);
  texts_.pop_back();
}

at::Tensor Normalized(const at::Tensor& embeddings) {
  const at::Tensor lengths = at::linalg_vector_norm(embeddings, 2, {-1}, true);
  if (!lengths.gt(0).all().item<bool>())
    throw Error(DR_INTERNAL, "an embedding is all zeros and has no direction");
  return embeddings / lengths;
}

}  // namespace darkroom::clip
