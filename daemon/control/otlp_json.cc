// SPDX-License-Identifier: Apache-2.0

#include "control/otlp_json.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/version.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

// Of a span's `flags`: that it is sampled, that it is known whether its parent is somebody else's,
// and that it is.
constexpr int kSampled = 0x1;
constexpr int kKnowsRemote = 0x100;
constexpr int kRemote = 0x200;
constexpr int kStatusError = 2;

std::string UnixNanoseconds(std::chrono::system_clock::time_point time) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

Json Attribute(const std::string& key, const Span::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return {{"key", key}, {"value", {{"intValue", std::to_string(*number)}}}};
  }
  return {{"key", key}, {"value", {{"stringValue", std::get<std::string>(value)}}}};
}

Json SpanJson(const Span& span) {
  Json attributes = Json::array();
  for (const auto& [key, value] : span.attributes) attributes.push_back(Attribute(key, value));
  Json json = {{"traceId", span.trace_id},
               {"spanId", span.span_id},
               {"flags", kSampled | kKnowsRemote | (span.remote ? kRemote : 0)},
               {"name", span.name},
               {"kind", static_cast<int>(span.kind)},
               {"startTimeUnixNano", UnixNanoseconds(span.start)},
               {"endTimeUnixNano", UnixNanoseconds(span.end)},
               {"attributes", std::move(attributes)},
               {"status", Json::object()}};
  if (!span.parent.empty()) json["parentSpanId"] = span.parent;
  if (!span.state.empty()) json["traceState"] = span.state;
  if (span.error) json["status"]["code"] = kStatusError;
  return json;
}

}  // namespace

std::string OtlpBody(const std::vector<Span>& spans, const std::string& host) {
  Json list = Json::array();
  for (const Span& span : spans) list.push_back(SpanJson(span));
  const Json resource = {{"attributes", Json::array({Attribute("service.name", "darkroomd"),
                                                     Attribute("service.version", kVersion),
                                                     Attribute("service.instance.id", host)})}};
  const Json scope = {{"name", "darkroom"}, {"version", kVersion}};
  const Json scoped = {{"scope", scope}, {"spans", std::move(list)}};
  const Json one = {{"resource", resource}, {"scopeSpans", Json::array({scoped})}};
  return WriteJson({{"resourceSpans", Json::array({one})}});
}

uint64_t RejectedSpans(std::string_view answer) {
  const auto body = ParseJson(answer);
  if (!body.ok() || !body->is_object()) return 0;
  const auto partial = body->find("partialSuccess");
  if (partial == body->end() || !partial->is_object()) return 0;
  const auto rejected = partial->find("rejectedSpans");
  if (rejected == partial->end()) return 0;
  if (rejected->is_number_unsigned()) return rejected->get<uint64_t>();
  if (!rejected->is_string()) return 0;
  // A 64-bit number in JSON is a string.
  const auto& digits = rejected->get_ref<const std::string&>();
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && rest == digits.data() + digits.size() ? number : 0;
}

}  // namespace darkroom
