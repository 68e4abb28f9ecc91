// SPDX-License-Identifier: Apache-2.0
//
// Python's JSON has three numbers that JSON has not: Infinity, -Infinity and NaN. Configs that were
// saved from Python hold them where a bound is not set. Pure function: any thread.

#ifndef DARKROOM_PLUGINS_COMMON_PYTHON_JSON_H_
#define DARKROOM_PLUGINS_COMMON_PYTHON_JSON_H_

#include <string>
#include <string_view>

namespace darkroom {

// The text with the largest and the smallest double in place of Infinity and -Infinity. NaN stays,
// and is refused by who parses the text: nothing can be meant by it.
std::string WithoutInfinities(std::string_view text);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PYTHON_JSON_H_
