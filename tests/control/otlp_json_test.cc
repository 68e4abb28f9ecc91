// SPDX-License-Identifier: Apache-2.0

#include "control/otlp_json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "core/version.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Time = std::chrono::system_clock::time_point;

Span OneSpan() {
  Span span;
  span.trace_id = "0af7651916cd43dd8448eb211c80319c";
  span.span_id = "b7ad6b7169203331";
  span.name = "process echo";
  span.kind = Span::Kind::kServer;
  span.start = Time(std::chrono::nanoseconds(1'700'000'000'123'456'789));
  span.end = Time(std::chrono::nanoseconds(1'700'000'001'000'000'000));
  return span;
}

TEST(OtlpJsonTest, IsAsTheSpecificationWritesIt) {
  Span span = OneSpan();
  span.parent = "00f067aa0ba902b7";
  span.remote = true;
  span.state = "congo=t61";
  span.attributes = {{"darkroom.model", "e"}, {"darkroom.batch.size", int64_t{1} << 40}};
  span.error = true;
  const json expected = json::parse(R"({"resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "darkroomd"}},
      {"key": "service.version", "value": {"stringValue": "VERSION"}},
      {"key": "service.instance.id", "value": {"stringValue": "gpu-1"}}]},
    "scopeSpans": [{"scope": {"name": "darkroom", "version": "VERSION"}, "spans": [{
      "traceId": "0af7651916cd43dd8448eb211c80319c",
      "spanId": "b7ad6b7169203331",
      "parentSpanId": "00f067aa0ba902b7",
      "traceState": "congo=t61",
      "flags": 769,
      "name": "process echo",
      "kind": 2,
      "startTimeUnixNano": "1700000000123456789",
      "endTimeUnixNano": "1700000001000000000",
      "attributes": [
        {"key": "darkroom.model", "value": {"stringValue": "e"}},
        {"key": "darkroom.batch.size", "value": {"intValue": "1099511627776"}}],
      "status": {"code": 2}}]}]}]})");
  json written = json::parse(OtlpBody({span}, "gpu-1"));
  auto& one = written["resourceSpans"][0];
  EXPECT_EQ(one["resource"]["attributes"][1]["value"]["stringValue"], kVersion);
  one["resource"]["attributes"][1]["value"]["stringValue"] = "VERSION";
  one["scopeSpans"][0]["scope"]["version"] = "VERSION";
  EXPECT_EQ(written, expected);
}

TEST(OtlpJsonTest, WhatIsNotThereIsLeftOut) {
  const json written = json::parse(OtlpBody({OneSpan()}, "h"));
  const json& span = written["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_FALSE(span.contains("parentSpanId"));
  EXPECT_FALSE(span.contains("traceState"));
  EXPECT_EQ(span["flags"], 257);
  EXPECT_EQ(span["status"], json::object());
}

TEST(OtlpJsonTest, KnowsWhatACollectorDidNotTake) {
  EXPECT_EQ(RejectedSpans(R"({"partialSuccess": {"rejectedSpans": "3"}})"), 3);
  EXPECT_EQ(RejectedSpans(R"({"partialSuccess": {"rejectedSpans": 4}})"), 4);
  for (const char* other :
       {"", "ok", "[]", "{}", R"({"partialSuccess": 3})", R"({"partialSuccess": {}})",
        R"({"partialSuccess": {"rejectedSpans": "x"}})",
        R"({"partialSuccess": {"rejectedSpans": ""}})",
        R"({"partialSuccess": {"rejectedSpans": "3x"}})",
        R"({"partialSuccess": {"rejectedSpans": -1}})"}) {
    EXPECT_EQ(RejectedSpans(other), 0) << other;
  }
}

}  // namespace
}  // namespace darkroom
