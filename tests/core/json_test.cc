// SPDX-License-Identifier: Apache-2.0

#include "core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace darkroom {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string Levels(int count) {
  return std::string(static_cast<size_t>(count), '[') +
         std::string(static_cast<size_t>(count), ']');
}

Result<Json> Cbor(const std::vector<uint8_t>& bytes, const JsonLimits& limits = {}) {
  return ParseCbor(std::as_bytes(std::span(bytes)), limits);
}

TEST(Json, ReadsEveryKindOfValue) {
  const std::string text =
      R"({"a": [1, -2, 3.5, true, false, null, "x\u00e4"], "b": {"c": {}, "d": []}, "e": 18446744073709551615})";
  const Result<Json> value = ParseJson(text);
  ASSERT_TRUE(value.ok()) << value.status().ToString();
  EXPECT_EQ(*value, Json::parse(text));
  EXPECT_TRUE((*value)["e"].is_number_unsigned());
}

TEST(Json, KeepsListsOfContainersInOrder) {
  const std::string text = R"([[1], {"a": [2, {"b": 3}]}, [[4], [5, [6]]], 7])";
  const Result<Json> value = ParseJson(text);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, Json::parse(text));
}

TEST(Json, AllowsExactlyTheLevelsOfItsLimit) {
  EXPECT_TRUE(ParseJson(Levels(64)).ok());
  const Status status = ParseJson(Levels(65)).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("more than 64 levels"));
  // Far beyond any stack, if somebody were to recurse.
  EXPECT_FALSE(ParseJson(std::string(5'000'000, '[')).ok());
}

TEST(Json, RefusesAKeyThatIsThereTwice) {
  EXPECT_THAT(ParseJson(R"({"scale": 2, "x": {"y": 1, "y": 2}})").status().message(),
              HasSubstr("\"y\" is there twice"));
  EXPECT_TRUE(ParseJson(R"({"a": {"y": 1}, "b": {"y": 2}})").ok());
}

TEST(Json, RefusesNumbersThatAreNotFinite) {
  for (const char* text : {"1e999", "-1e999", "NaN", "Infinity", "[nan]"}) {
    EXPECT_FALSE(ParseJson(text).ok()) << text;
  }
}

TEST(Json, RefusesBrokenTextWithItsPlace) {
  for (const char* text : {"", " ", "{", "[1,]", "{\"a\":}", "{} x", "'a'", "[1 2]", "\"\xFF\"",
                           "\"\t\"", "// c\n1", "01", "tru", "\"\\ud800\""}) {
    const Result<Json> value = ParseJson(text);
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(value.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(value.status().message(), HasSubstr("not valid JSON: near byte ")) << text;
  }
}

TEST(Json, KeepsToItsSizeAndNumberOfValues) {
  JsonLimits limits;
  limits.max_bytes = 4;
  EXPECT_EQ(ParseJson("[1,2]", limits).status().code(), Code::kTooLarge);
  limits = {};
  limits.max_values = 3;
  EXPECT_TRUE(ParseJson("[1,2]", limits).ok());
  EXPECT_THAT(ParseJson("[1,2,3]", limits).status().message(), HasSubstr("more than 3 values"));
}

TEST(Cbor, ReadsWhatJsonCanSayAndByteStrings) {
  const Json value = {{"params", {{"scale", 2}, {"f", -1.5}}},
                      {"inputs", {{"image", Json::binary({1, 2, 3})}}},
                      {"list", {1, {2, {3}}}}};
  const Result<Json> read = Cbor(Json::to_cbor(value));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, value);
}

TEST(Cbor, RefusesWhatIsDeepTwiceTaggedNotFiniteOrCut) {
  // 0x81: a list of one. 65 of them and an empty list.
  std::vector<uint8_t> deep(100'000, 0x81);
  EXPECT_THAT(Cbor(deep).status().message(), HasSubstr("more than 64 levels"));
  // {"a": 1, "a": 2}
  EXPECT_THAT(Cbor({0xA2, 0x61, 'a', 1, 0x61, 'a', 2}).status().message(), HasSubstr("twice"));
  EXPECT_FALSE(Cbor({0xC0, 0x61, 'x'}).ok());   // tag 0
  EXPECT_FALSE(Cbor({0xF9, 0x7E, 0x00}).ok());  // NaN
  EXPECT_FALSE(Cbor({0xF9, 0x7C, 0x00}).ok());  // infinity
  EXPECT_FALSE(Cbor({0xA1, 0x01, 0x01}).ok());  // a key that is a number
  EXPECT_FALSE(Cbor({0x82, 0x01}).ok());        // ends too early
  EXPECT_FALSE(Cbor({0x01, 0x01}).ok());        // something behind it
  EXPECT_FALSE(Cbor({}).ok());
  // A text, a byte string, a list and a map that claim 2^62 elements: refused without allocating
  // them.
  for (const uint8_t kind : {uint8_t{0x5B}, uint8_t{0x7B}, uint8_t{0x9B}, uint8_t{0xBB}}) {
    EXPECT_FALSE(Cbor({kind, 0x40, 0, 0, 0, 0, 0, 0, 0, 1}).ok());
  }
}

TEST(Json, WritesTextThatIsNoUtf8) { EXPECT_EQ(WriteJson("a\xFF"), "\"a\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace darkroom
