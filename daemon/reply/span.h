// SPDX-License-Identifier: Apache-2.0
//
// Span is one step of what a trace tells: a name, when it began and ended, in what it was.
//
// A plain value; any thread.

#ifndef DARKROOM_REPLY_SPAN_H_
#define DARKROOM_REPLY_SPAN_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace darkroom {

struct Span {
  // OpenTelemetry's numbers.
  enum class Kind : uint8_t { kInternal = 1, kServer = 2, kProducer = 4, kConsumer = 5 };
  using Value = std::variant<std::string, int64_t>;

  std::string trace_id;  // 32 hex digits
  std::string span_id;   // 16
  std::string parent;    // the span that this is in; empty: the trace begins with it
  bool remote = false;   // the parent is somebody else's
  std::string state;     // the tracestate that it came with
  std::string name;
  Kind kind = Kind::kInternal;
  std::chrono::system_clock::time_point start{};
  std::chrono::system_clock::time_point end{};
  std::vector<std::pair<std::string, Value>> attributes;
  bool error = false;
};

}  // namespace darkroom

#endif  // DARKROOM_REPLY_SPAN_H_
