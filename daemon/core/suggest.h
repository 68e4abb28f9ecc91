// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean": the nearest known word to one that nobody knows. Pure, safe from any thread.

#ifndef DARKROOM_CORE_SUGGEST_H_
#define DARKROOM_CORE_SUGGEST_H_

#include <string>
#include <string_view>
#include <vector>

namespace darkroom {

// The member of `known` with the least edit distance to `word`, or "" when none is near enough to
// be what was meant.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace darkroom

#endif  // DARKROOM_CORE_SUGGEST_H_
