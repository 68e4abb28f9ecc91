// SPDX-License-Identifier: Apache-2.0

#include "core/trace_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace darkroom {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags, in lower case
constexpr size_t kParentLength = 2 + 1 + 32 + 1 + 16 + 1 + 2;
constexpr size_t kLongestState = 512;
constexpr size_t kMostMembers = 32;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool IsKey(std::string_view key) {
  if (key.empty() || key.size() > 256) return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/' || c == '@';
  });
}

bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > 256) return false;
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7E && c != ',' && c != '='; });
}

// "vendor=value, tenant@vendor=value"
bool IsState(std::string_view state) {
  if (state.size() > kLongestState) return false;
  size_t members = 0;
  for (size_t at = 0; at <= state.size();) {
    const size_t comma = std::min(state.find(',', at), state.size());
    const std::string_view member = Trim(state.substr(at, comma - at));
    at = comma + 1;
    if (member.empty()) continue;
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos || ++members > kMostMembers) return false;
    if (!IsKey(member.substr(0, equals)) || !IsValue(member.substr(equals + 1))) return false;
  }
  return members > 0;
}

}  // namespace

std::string TraceContext::Parent() const {
  return fmt::format("00-{}-{}-{}", trace_id, span_id, sampled ? "01" : "00");
}

TraceContext ParseTraceContext(std::string_view parent, std::string_view state) {
  TraceContext context;
  parent = Trim(parent);
  if (parent.size() < kParentLength) return context;
  const std::string_view version = parent.substr(0, 2);
  const std::string_view trace = parent.substr(3, 32);
  const std::string_view span = parent.substr(36, 16);
  const std::string_view flags = parent.substr(53, 2);
  const bool apart = parent[2] == '-' && parent[35] == '-' && parent[52] == '-';
  if (!apart || !IsHex(version) || !IsHex(trace) || !IsHex(span) || !IsHex(flags)) return context;
  // A version to come may say more, behind another dash; this one may not.
  const std::string_view more = parent.substr(kParentLength);
  if (version == "ff" || (!more.empty() && (version == "00" || more.front() != '-'))) {
    return context;
  }
  if (IsZero(trace) || IsZero(span)) return context;
  context.trace_id = trace;
  context.span_id = span;
  const char last = flags.back();
  const int digit = last <= '9' ? last - '0' : last - 'a' + 10;
  context.sampled = (digit & 1) != 0;
  if (IsState(state)) context.state = Trim(state);
  return context;
}

bool IsInSample(std::string_view trace_id, double ratio) {
  if (ratio >= 1) return true;
  // Its last 56 bits are random, by the standard's next level, whoever made it.
  const std::string_view last =
      trace_id.substr(trace_id.size() - std::min<size_t>(trace_id.size(), 14));
  uint64_t value = 0;
  std::from_chars(last.data(), last.data() + last.size(), value, 16);
  return static_cast<double>(value) < ratio * static_cast<double>(uint64_t{1} << 56);
}

}  // namespace darkroom
