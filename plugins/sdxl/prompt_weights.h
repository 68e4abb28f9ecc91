// SPDX-License-Identifier: Apache-2.0
//
// Weights within a prompt, in the notation that is in use since 2022:
//
//   (words)        1.1 times as much
//   (words:1.3)    1.3 times as much
//   [words]        1.1 times less
//   \( \) \[ \] \\ the character itself
//
// Brackets within each other multiply; round and square ones need not nest. One that is never
// closed goes to the end of the prompt; one that closes nothing, and a number that is none, are
// text.
//
// Pure functions: any thread.

#ifndef DARKROOM_PLUGINS_SDXL_PROMPT_WEIGHTS_H_
#define DARKROOM_PLUGINS_SDXL_PROMPT_WEIGHTS_H_

#include <string>
#include <string_view>
#include <vector>

namespace darkroom::sdxl {

struct WeightedText {
  std::string text;
  double weight = 1.0;

  bool operator==(const WeightedText&) const = default;
};

// The prompt in parts, at least one, of which no two neighbours weigh the same. Throws Error
// (DR_INVALID_ARGUMENT) for a weight beyond -100 to 100.
std::vector<WeightedText> ParseWeights(std::string_view prompt);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_PROMPT_WEIGHTS_H_
