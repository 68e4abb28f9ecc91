// SPDX-License-Identifier: Apache-2.0

#include "durable/dead_letter.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/excerpt.h"
#include "core/json.h"

namespace darkroom {
namespace {

// A message's headers may have 60,000 bytes in all; JSON may double a line.
constexpr size_t kMostLines = 30;
constexpr size_t kLongestLine = 300;

// The last ones.
nlohmann::json Lines(const std::vector<std::string>& all) {
  nlohmann::json lines = nlohmann::json::array();
  const size_t first = all.size() > kMostLines ? all.size() - kMostLines : 0;
  for (size_t i = first; i < all.size(); ++i) lines.push_back(Excerpt(all[i], kLongestLine));
  return lines;
}

}  // namespace

bool LeavesDeadLetter(Code code) {
  switch (code) {
    case Code::kResourceExhausted:
    case Code::kFailedPrecondition:
    case Code::kInternal:
    case Code::kInstanceLost:
    case Code::kDeviceLost:
    case Code::kBusy:
      return true;
    default:
      return false;
  }
}

std::string DeadLetterReport(const JobRecord& record, const std::vector<std::string>& log) {
  nlohmann::json report = record.ToJson();
  // A letter is read without the state, which may be gone; what is long is cut to a header's size.
  report.erase("tags");
  report.erase("result");
  report.erase("receipt");
  report.erase("state");
  report["died"] = report.value("finished", "");
  report.erase("finished");
  report["history"] = Lines(record.history);
  report["log"] = Lines(log);
  if (const auto error = report.find("error"); error != report.end()) {
    for (const char* words : {"message", "hint"}) {
      (*error)[words] = Excerpt((*error)[words].get<std::string>(), 4 * kLongestLine);
    }
  }
  return WriteJson(report);
}

}  // namespace darkroom
