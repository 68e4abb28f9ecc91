// SPDX-License-Identifier: Apache-2.0

#include "common/generate/generate.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <darkroom/plugin.hpp>
#include <map>
#include <memory>
#include <utility>

#include "common/generate/beam_search.h"
#include "common/generate/scores.h"

namespace darkroom {
namespace {

// One text on its way.
struct Slot {
  const TextRequest* request;
  WrittenText* result;
  std::vector<int64_t> written;  // prompt and tokens; without beams
  at::Generator dice;            // of its own, so that the neighbours do not matter
  std::unique_ptr<BeamSearch> search;
};

class Writer {
 public:
  Writer(TextDecoder& decoder, std::span<const TextRequest> requests)
      : decoder_(decoder), results_(requests.size()), beams_(requests.front().settings.beams) {
    for (size_t at = 0; at < requests.size(); ++at) {
      const TextRequest& request = requests[at];
      CheckSettings(request.settings);
      TORCH_CHECK(request.settings.beams == beams_ && !request.prompt.empty() &&
                      request.prompt.size() == requests.front().prompt.size(),
                  "texts of different beams or prompt lengths cannot be written together");
      Slot slot{&request, &results_[at], request.prompt, {}, nullptr};
      if (request.settings.sample)
        slot.dice = at::detail::createCPUGenerator(request.settings.seed);
      if (beams_ > 1) slot.search = std::make_unique<BeamSearch>(request.settings);
      slots_.push_back(std::move(slot));
    }
  }

  std::vector<WrittenText> Run() {
    std::vector<int64_t> prompts;
    for (const Slot& slot : slots_)
      prompts.insert(prompts.end(), slot.written.begin(), slot.written.end());
    at::Tensor scores = Feed(prompts, static_cast<int64_t>(slots_.front().written.size()));
    for (bool first = true; true; first = false) {
      std::vector<bool> done = beams_ > 1 ? SearchOn(scores) : WriteOn(scores);
      // From behind, since the last slot takes the place of a removed one.
      for (size_t at = slots_.size(); at-- > 0;) {
        if (!done[at]) continue;
        if (slots_.size() > 1) decoder_.Remove(static_cast<int64_t>(at));
        if (at + 1 < slots_.size()) slots_[at] = std::move(slots_.back());
        slots_.pop_back();
      }
      if (slots_.empty()) return std::move(results_);
      if (first && beams_ > 1) decoder_.Spread(beams_);
      scores = Feed(NextTokens(), 1);
    }
  }

 private:
  at::Tensor Feed(const std::vector<int64_t>& tokens, int64_t length) {
    return decoder_.Feed(at::tensor(tokens, at::kLong).view({-1, length}));
  }

  // One more token for each slot. Returns which are done.
  std::vector<bool> WriteOn(const at::Tensor& scores) {
    const auto count = static_cast<int64_t>(slots_.size());
    const at::Tensor totals = scores.logsumexp(1);
    const at::Tensor processed = AnyChangesScores() ? scores.clone() : scores;
    std::vector<at::Tensor> chosen;
    for (int64_t at = 0; at < count; ++at) {
      Slot& slot = slots_[static_cast<size_t>(at)];
      const GenerationSettings& settings = slot.request->settings;
      const at::Tensor row = processed[at];
      ProcessScores(settings, slot.written, NewTokens(slot), row);
      if (settings.sample) {
        // On the CPU, so that a seed means the same on every device.
        const at::Tensor chances = FilterForSampling(settings, row).softmax(0).cpu();
        chosen.push_back(chances.multinomial(1, false, slot.dice).to(scores.device()));
      } else {
        chosen.push_back(row.argmax(0, true));
      }
    }
    const at::Tensor tokens = at::cat(chosen);
    const at::Tensor log_probabilities =
        (scores.gather(1, tokens.unsqueeze(1)).squeeze(1) - totals).cpu();
    const at::Tensor on_host = tokens.cpu();
    std::vector<bool> done(slots_.size());
    for (size_t at = 0; at < slots_.size(); ++at) {
      Slot& slot = slots_[at];
      const int64_t token = on_host.const_data_ptr<int64_t>()[at];
      slot.written.push_back(token);
      slot.result->tokens.push_back(token);
      slot.result->log_probability +=
          static_cast<double>(log_probabilities.const_data_ptr<float>()[at]);
      done[at] = IsComplete(slot) || IsCancelled(slot, NewTokens(slot));
    }
    return done;
  }

  // The best continuations for each slot. Returns which are done.
  std::vector<bool> SearchOn(const at::Tensor& scores) {
    const auto count = static_cast<int64_t>(slots_.size());
    const int64_t rows = scores.size(0) / count;  // one for each slot at first, then the beams
    const int64_t vocabulary = scores.size(1);
    const at::Tensor plain = scores.log_softmax(1);
    at::Tensor processed = plain;
    if (AnyChangesScores()) {
      processed = plain.clone();
      ForEachRow(rows, [&](Slot& slot, const BeamSearch::Text& text, int64_t row) {
        std::vector<int64_t> written = slot.request->prompt;
        written.insert(written.end(), text.tokens.begin(), text.tokens.end());
        ProcessScores(slot.request->settings, written, static_cast<int64_t>(text.tokens.size()),
                      processed[row]);
      });
    }
    std::vector<float> so_far;
    ForEachRow(rows,
               [&](Slot&, const BeamSearch::Text& text, int64_t) { so_far.push_back(text.score); });
    processed = processed + at::tensor(so_far, at::kFloat).unsqueeze(1).to(scores.device());
    int64_t most = 0;
    for (const Slot& slot : slots_) most = std::max(most, slot.search->candidates());
    most = std::min(most, rows * vocabulary);
    const auto [best, places] = processed.view({count, rows * vocabulary}).topk(most);
    const at::Tensor log_probabilities =
        plain.view({count, rows * vocabulary}).gather(1, places).cpu();
    const at::Tensor best_on_host = best.cpu();
    const at::Tensor places_on_host = places.cpu();

    std::vector<bool> done(slots_.size());
    for (size_t at = 0; at < slots_.size(); ++at) {
      Slot& slot = slots_[at];
      const size_t first = at * static_cast<size_t>(most);
      std::vector<BeamCandidate> candidates(
          static_cast<size_t>(std::min(most, slot.search->candidates())));
      for (size_t i = 0; i < candidates.size(); ++i) {
        const int64_t place = places_on_host.const_data_ptr<int64_t>()[first + i];
        candidates[i] = {best_on_host.const_data_ptr<float>()[first + i], place / vocabulary,
                         place % vocabulary, log_probabilities.const_data_ptr<float>()[first + i]};
      }
      slot.search->Advance(candidates);
      if (slot.search->done()) {
        slot.result->tokens = slot.search->best().tokens;
        slot.result->log_probability = slot.search->best().log_probability;
        done[at] = true;
      } else {
        done[at] =
            IsCancelled(slot, static_cast<int64_t>(slot.search->running().front().tokens.size()));
      }
    }
    return done;
  }

  std::vector<int64_t> NextTokens() {
    std::vector<int64_t> tokens;
    if (beams_ == 1) {
      for (const Slot& slot : slots_) tokens.push_back(slot.written.back());
      return tokens;
    }
    std::vector<int64_t> parents;
    for (size_t at = 0; at < slots_.size(); ++at) {
      for (const BeamSearch::Text& text : slots_[at].search->running()) {
        parents.push_back(static_cast<int64_t>(at) * beams_ + text.beam);
        tokens.push_back(text.tokens.back());
      }
    }
    decoder_.Reorder(parents);
    return tokens;
  }

  template <typename Call>
  void ForEachRow(int64_t rows, const Call& call) {
    int64_t row = 0;
    for (Slot& slot : slots_) {
      for (int64_t beam = 0; beam < rows; ++beam)
        call(slot, slot.search->running()[static_cast<size_t>(beam)], row++);
    }
  }

  bool AnyChangesScores() const {
    return std::any_of(slots_.begin(), slots_.end(),
                       [](const Slot& slot) { return ChangesScores(slot.request->settings); });
  }
  static int64_t NewTokens(const Slot& slot) {
    return static_cast<int64_t>(slot.result->tokens.size());
  }
  static bool IsComplete(const Slot& slot) {
    const GenerationSettings& settings = slot.request->settings;
    return NewTokens(slot) >= settings.max_new_tokens ||
           std::find(settings.end.begin(), settings.end.end(), slot.written.back()) !=
               settings.end.end() ||
           (settings.is_complete && settings.is_complete(slot.result->tokens));
  }
  static bool IsCancelled(const Slot& slot, int64_t tokens) {
    if (!slot.request->on_token || slot.request->on_token(tokens)) return false;
    slot.result->cancelled = true;
    return true;
  }

  TextDecoder& decoder_;
  std::vector<WrittenText> results_;
  std::vector<Slot> slots_;
  int64_t beams_;
};

}  // namespace

double WrittenText::Confidence() const {
  return tokens.empty() ? 0.0 : std::exp(log_probability / static_cast<double>(tokens.size()));
}

std::vector<WrittenText> Generate(TextDecoder& decoder, std::span<const TextRequest> requests) {
  if (requests.empty()) return {};
  return Writer(decoder, requests).Run();
}

std::vector<std::vector<size_t>> GroupRequests(std::span<const TextRequest> requests) {
  std::map<std::pair<size_t, int64_t>, std::vector<size_t>> groups;
  for (size_t at = 0; at < requests.size(); ++at)
    groups[{requests[at].prompt.size(), requests[at].settings.beams}].push_back(at);
  std::vector<std::vector<size_t>> result;
  for (auto& [key, numbers] : groups) result.push_back(std::move(numbers));
  return result;
}

}  // namespace darkroom
