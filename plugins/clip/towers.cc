// SPDX-License-Identifier: Apache-2.0

#include "clip/towers.h"

#include <darkroom/plugin.hpp>
#include <string>

namespace darkroom::clip {

void CheckTokens(const std::vector<int64_t>& text, const TextConfig& config) {
  for (const int64_t token : text)
    if (token < 0 || token >= config.vocabulary)
      throw Error(DR_FAILED_PRECONDITION,
                  "the tokenizer gave token " + std::to_string(token) + ", the weights have " +
                      std::to_string(config.vocabulary) + ": they are not of one model");
}

}  // namespace darkroom::clip
