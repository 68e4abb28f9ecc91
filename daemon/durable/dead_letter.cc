// SPDX-License-Identifier: Apache-2.0

#include "durable/dead_letter.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/excerpt.h"
#include "core/json.h"

namespace darkroom {
namespace {

// A message's headers may have 60,000 bytes in all.
constexpr size_t kMostBytes = 40'000;
constexpr size_t kMostLines = 30;
constexpr size_t kLongestLine = 300;

// The last ones.
nlohmann::json Lines(const std::vector<std::string>& all, size_t longest) {
  nlohmann::json lines = nlohmann::json::array();
  const size_t first = all.size() > kMostLines ? all.size() - kMostLines : 0;
  for (size_t i = first; i < all.size(); ++i) lines.push_back(Excerpt(all[i], longest));
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
  std::string text;
  // What is not printable takes several bytes for one.
  for (size_t longest = kLongestLine; longest > 0; longest /= 2) {
    report["history"] = Lines(record.history, longest);
    report["log"] = Lines(log, longest);
    if (!record.error.ok()) {
      report["error"]["message"] = Excerpt(record.error.message(), 4 * longest);
      report["error"]["hint"] = Excerpt(record.error.hint(), 4 * longest);
    }
    text = WriteJson(report);
    if (text.size() <= kMostBytes) break;
  }
  return text;
}

}  // namespace darkroom
