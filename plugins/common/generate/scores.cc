// SPDX-License-Identifier: Apache-2.0

#include "common/generate/scores.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace darkroom {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

// Those of `tokens` that have a score, as an index into `scores`.
at::Tensor IndexOf(std::vector<int64_t> tokens, const at::Tensor& scores) {
  std::erase_if(tokens, [&](int64_t token) { return token < 0 || token >= scores.numel(); });
  return at::tensor(tokens, at::kLong).to(scores.device());
}

}  // namespace

void PenalizeRepetition(std::span<const int64_t> written, double penalty,
                        const at::Tensor& scores) {
  const at::Tensor index = IndexOf({written.begin(), written.end()}, scores);
  const at::Tensor old = scores.index_select(0, index);
  // Several places with the same token get the same value: which is written last does not matter.
  scores.index_copy_(0, index, at::where(old < 0, old * penalty, old / penalty));
}

void BanRepeatedNgrams(std::span<const int64_t> written, int64_t size, const at::Tensor& scores) {
  const auto n = static_cast<size_t>(size);
  if (written.size() < n) return;
  const auto tail = written.last(n - 1);
  std::vector<int64_t> banned;
  for (size_t at = 0; at + n <= written.size(); ++at) {
    if (std::equal(tail.begin(), tail.end(), written.begin() + static_cast<ptrdiff_t>(at)))
      banned.push_back(written[at + n - 1]);
  }
  if (!banned.empty()) scores.index_fill_(0, IndexOf(std::move(banned), scores), kImpossible);
}

void ProcessScores(const GenerationSettings& settings, std::span<const int64_t> written,
                   int64_t new_tokens, const at::Tensor& scores) {
  if (settings.repetition_penalty != 1.0)
    PenalizeRepetition(written, settings.repetition_penalty, scores);
  if (settings.no_repeat_ngram_size > 0)
    BanRepeatedNgrams(written, settings.no_repeat_ngram_size, scores);
  if (new_tokens < settings.min_new_tokens)
    scores.index_fill_(0, IndexOf(settings.end, scores), kImpossible);
}

bool ChangesScores(const GenerationSettings& settings) {
  return settings.repetition_penalty != 1.0 || settings.no_repeat_ngram_size > 0 ||
         settings.min_new_tokens > 0;
}

at::Tensor FilterForSampling(const GenerationSettings& settings, const at::Tensor& scores) {
  at::Tensor out = settings.temperature == 1.0 ? scores : scores / settings.temperature;
  if (settings.top_k > 0) {
    const int64_t most = std::min(settings.top_k, out.numel());
    const at::Tensor least = std::get<0>(out.topk(most)).select(0, most - 1);
    out = out.masked_fill(out < least, kImpossible);
  }
  if (settings.top_p < 1.0) {
    const auto [sorted, order] = out.sort();
    at::Tensor removed = sorted.softmax(0).cumsum(0) <= 1.0 - settings.top_p;
    removed.select(0, removed.numel() - 1).fill_(false);
    out = out.masked_fill(removed.scatter(0, order, removed), kImpossible);
  }
  return out;
}

}  // namespace darkroom
