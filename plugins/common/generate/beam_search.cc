// SPDX-License-Identifier: Apache-2.0

#include "common/generate/beam_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace darkroom {
namespace {

constexpr float kNeverChosen = -1e9F;

}  // namespace

BeamSearch::BeamSearch(const GenerationSettings& settings)
    : settings_(settings),
      candidates_(std::max<int64_t>(2, 1 + static_cast<int64_t>(settings.end.size())) *
                  settings.beams),
      running_(1) {}

bool BeamSearch::Ends(const std::vector<int64_t>& tokens) const {
  return std::find(settings_.end.begin(), settings_.end.end(), tokens.back()) !=
             settings_.end.end() ||
         static_cast<int64_t>(tokens.size()) >= settings_.max_new_tokens ||
         (settings_.is_complete && settings_.is_complete(tokens));
}

void BeamSearch::Advance(std::span<const BeamCandidate> candidates) {
  const auto beams = static_cast<size_t>(settings_.beams);
  const bool full =
      settings_.early_stopping == EarlyStopping::kWhenFull && finished_.size() == beams;
  std::vector<Text> next;
  int64_t length = 0;
  for (size_t at = 0; at < candidates.size(); ++at) {
    const BeamCandidate& candidate = candidates[at];
    const Text& parent = running_[static_cast<size_t>(candidate.beam)];
    Text text{parent.tokens, candidate.score,
              parent.log_probability + static_cast<double>(candidate.log_probability),
              candidate.beam};
    text.tokens.push_back(candidate.token);
    length = static_cast<int64_t>(text.tokens.size());
    if (!Ends(text.tokens)) {
      if (next.size() < beams) next.push_back(std::move(text));
    } else if (at < beams && !full) {
      text.score /=
          static_cast<float>(std::pow(static_cast<double>(length), settings_.length_penalty));
      Finish(std::move(text));
    }
  }
  // Only what hits the length limit leaves none to go on.
  done_ = next.empty() ||
          (settings_.early_stopping == EarlyStopping::kWhenFull && finished_.size() == beams);
  // With further ends there may be fewer: the rest are there for the rows' sake, and never chosen.
  while (!next.empty() && next.size() < beams) {
    next.push_back(next.back());
    next.back().score = kNeverChosen;
  }
  running_ = std::move(next);
  if (!done_) done_ = !MayImprove(length);
}

void BeamSearch::Finish(Text text) {
  const auto place = std::find_if(finished_.begin(), finished_.end(),
                                  [&](const Text& other) { return other.score < text.score; });
  finished_.insert(place, std::move(text));
  if (finished_.size() > static_cast<size_t>(settings_.beams)) finished_.pop_back();
}

bool BeamSearch::MayImprove(int64_t length) const {
  if (finished_.size() < static_cast<size_t>(settings_.beams)) return true;
  const bool at_most =
      settings_.early_stopping == EarlyStopping::kNever && settings_.length_penalty > 0;
  const auto best_length = static_cast<double>(at_most ? settings_.max_new_tokens : length);
  const float best_possible =
      running_.front().score / static_cast<float>(std::pow(best_length, settings_.length_penalty));
  return best_possible > finished_.back().score;
}

}  // namespace darkroom
