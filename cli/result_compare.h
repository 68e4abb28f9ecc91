// SPDX-License-Identifier: Apache-2.0
//
// Comparing the results of a job and of its replay: whether the bytes are the same.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_RESULT_COMPARE_H_
#define DARKROOM_CLI_RESULT_COMPARE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace darkroom {

// Whether they are equal. A JSON reply names its own job: that alone may differ.
bool SameResult(std::string_view a, std::string_view b, std::string_view content_type);

// {"bytes", "sha256", "content_type"}
nlohmann::json ResultFacts(std::string_view body, const std::string& content_type);

}  // namespace darkroom

#endif  // DARKROOM_CLI_RESULT_COMPARE_H_
