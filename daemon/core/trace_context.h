// SPDX-License-Identifier: Apache-2.0
//
// TraceContext is the place of something in a trace, as the headers `traceparent` and `tracestate`
// tell it (W3C Trace Context, level 1): which trace, what in it, and whether it is recorded.
//
// Plain values and pure functions; any thread.

#ifndef DARKROOM_CORE_TRACE_CONTEXT_H_
#define DARKROOM_CORE_TRACE_CONTEXT_H_

#include <string>
#include <string_view>

namespace darkroom {

inline constexpr const char* kTraceParent = "traceparent";
inline constexpr const char* kTraceState = "tracestate";

struct TraceContext {
  std::string trace_id;  // 32 hex digits; empty: it is in no trace
  std::string span_id;   // 16 hex digits
  bool sampled = false;
  std::string state;  // what other tracing systems want passed on

  explicit operator bool() const { return !trace_id.empty(); }
  // "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  std::string Parent() const;
};

// What the two headers say. What is malformed is as if it were not there: a `parent` that is gives
// an empty context, a `state` that is an empty state.
TraceContext ParseTraceContext(std::string_view parent, std::string_view state);

// Whether a trace of this id is one of those that are recorded when only a part of them is, from 0
// (none) to 1 (all). The same on every host: the id alone decides.
bool IsInSample(std::string_view trace_id, double ratio);

}  // namespace darkroom

#endif  // DARKROOM_CORE_TRACE_CONTEXT_H_
