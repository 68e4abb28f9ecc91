// SPDX-License-Identifier: Apache-2.0
//
// BeamSearch is the state of one slot's beam search: which texts run, which are finished, how good
// they are, and whether it goes on. It follows transformers' _beam_search (version 5) in every rule
// that decides a text: two candidates a beam, those that end count only among the first, scores of
// finished ones are divided by length ^ length_penalty, float32 throughout.
//
// It holds no tensors; the network's part is Generate's. One thread.

#ifndef DARKROOM_PLUGINS_COMMON_GENERATE_BEAM_SEARCH_H_
#define DARKROOM_PLUGINS_COMMON_GENERATE_BEAM_SEARCH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/generate/settings.h"

namespace darkroom {

// One way for a slot's texts to go on.
struct BeamCandidate {
  float score = 0;   // sum of log-probabilities, as processed
  int64_t beam = 0;  // which of the running texts
  int64_t token = 0;
  float log_probability = 0;  // of the token alone, as the network gave it
};

class BeamSearch {
 public:
  struct Text {
    std::vector<int64_t> tokens;  // since the prompt
    float score = 0;
    double log_probability = 0;  // sum over the tokens, as the network gave them
    int64_t beam = 0;            // the running text that it continues
  };

  explicit BeamSearch(const GenerationSettings& settings);

  // How many candidates a step needs: enough for every beam to go on whatever ends.
  int64_t candidates() const { return candidates_; }
  const std::vector<Text>& running() const { return running_; }

  // Takes the best `candidates()` ways to go on, the best first.
  void Advance(std::span<const BeamCandidate> candidates);
  bool done() const { return done_; }

  // The best finished text, once it is done.
  const Text& best() const { return finished_.front(); }

 private:
  bool Ends(const std::vector<int64_t>& tokens) const;
  void Finish(Text text);
  bool MayImprove(int64_t length) const;

  const GenerationSettings& settings_;
  int64_t candidates_;
  std::vector<Text> running_;
  std::vector<Text> finished_;  // the best first, at most as many as beams
  bool done_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_GENERATE_BEAM_SEARCH_H_
