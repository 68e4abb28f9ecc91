// SPDX-License-Identifier: Apache-2.0

#include "core/params_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace darkroom {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

ParamsSchema Compiled(const char* schema) {
  Result<ParamsSchema> compiled = ParamsSchema::Compile(Json::parse(schema));
  EXPECT_TRUE(compiled.ok()) << compiled.status().ToString();
  return *std::move(compiled);
}

ParamsSchema Enhance() {
  return Compiled(R"({
    "type": "object",
    "additionalProperties": false,
    "properties": {
      "scale": {"type": "integer", "minimum": 2, "maximum": 4, "default": 4},
      "tile": {"type": "integer", "minimum": 32, "default": 256},
      "strength": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
      "mode": {"enum": ["fast", "best"], "default": "best"},
      "label": {"type": "string", "maxLength": 8, "pattern": "^[a-z]*$"},
      "points": {"type": "array", "maxItems": 2,
                 "items": {"type": "object", "properties": {"x": {"type": "integer"}},
                           "additionalProperties": false}},
      "either": {"type": ["string", "null"]}
    }})");
}

Status Applied(const ParamsSchema& schema, const char* params) {
  Json value = Json::parse(params);
  const Json before = value;
  const Status status = schema.Apply(value);
  if (!status.ok()) {
    EXPECT_EQ(value, before) << "an error must leave params as they were";
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
  }
  return status;
}

TEST(ParamsSchema, FillsInDefaults) {
  const ParamsSchema schema = Enhance();
  Json empty = Json::object();
  ASSERT_TRUE(schema.Apply(empty).ok());
  EXPECT_EQ(empty, Json::parse(R"({"scale": 4, "tile": 256, "mode": "best"})"));
  Json some = Json::parse(R"({"scale": 2, "strength": 1})");
  ASSERT_TRUE(schema.Apply(some).ok());
  EXPECT_EQ(some, Json::parse(R"({"scale": 2, "tile": 256, "mode": "best", "strength": 1})"));
  Json null;
  ASSERT_TRUE(schema.Apply(null).ok());
  EXPECT_EQ(null["scale"], 4);
}

TEST(ParamsSchema, SaysWhatAParameterIsAndWhatItMayBe) {
  const ParamsSchema schema = Enhance();
  const std::pair<const char*, const char*> cases[] = {
      {R"({"scale": 7})", "the parameter \"scale\" is 7; it must be a whole number from 2 to 4"},
      {R"({"scale": "2"})",
       "the parameter \"scale\" is \"2\"; it must be a whole number from 2 to 4"},
      {R"({"scale": 2.5})", "the parameter \"scale\" is 2.5; it must be a whole number"},
      {R"({"scale": true})", "the parameter \"scale\" is true; it must be a whole number"},
      {R"({"scale": null})", "the parameter \"scale\" is null; it must be a whole number"},
      {R"({"tile": 1})", "a whole number of at least 32"},
      {R"({"strength": 0})",
       "the parameter \"strength\" is 0; it must be a number of at most 1 above 0"},
      {R"({"mode": "slow"})", "it must be one of \"fast\", \"best\""},
      {R"({"label": "abcdefghi"})", "a string of at most 8 characters"},
      {R"({"label": "A"})", "that matches \"^[a-z]*$\""},
      {R"({"points": [{}, {}, {}]})", "a list of at most 2 elements"},
      {R"({"either": 1})", "a string or null"},
  };
  for (const auto& [params, words] : cases) {
    EXPECT_THAT(Applied(schema, params).message(), HasSubstr(words)) << params;
  }
}

TEST(ParamsSchema, NamesThePlaceInsideAParameter) {
  const Status status = Applied(Enhance(), R"({"points": [{"x": "a"}]})");
  EXPECT_THAT(status.message(), HasSubstr("\"points\""));
  EXPECT_THAT(status.message(), HasSubstr("[x]"));
}

TEST(ParamsSchema, SuggestsTheParameterThatWasMeant) {
  const ParamsSchema schema = Enhance();
  const Status near = Applied(schema, R"({"scales": 2})");
  EXPECT_EQ(near.message(), "unknown parameter \"scales\"");
  EXPECT_EQ(near.hint(), "did you mean \"scale\"?");
  EXPECT_THAT(Applied(schema, R"({"zzzzzzzz": 2})").hint(), HasSubstr("parameters are "));
  EXPECT_EQ(Applied(Compiled("{}"), R"({"x": 1})").hint(), "this model has no parameters");
}

TEST(ParamsSchema, RefusesUnknownParametersUnlessTheSchemaAsksForThem) {
  EXPECT_FALSE(Applied(Compiled(R"({"properties": {"a": {}}})"), R"({"b": 1})").ok());
  EXPECT_FALSE(Applied(Compiled("null"), R"({"b": 1})").ok());
  EXPECT_TRUE(Applied(Compiled(R"({"additionalProperties": true})"), R"({"b": 1})").ok());
}

TEST(ParamsSchema, NamesAMissingParameter) {
  const ParamsSchema schema = Compiled(
      R"({"properties": {"prompt": {"type": "string", "minLength": 1}}, "required": ["prompt"]})");
  const Status status = Applied(schema, "{}");
  EXPECT_EQ(status.message(), "the parameter \"prompt\" is missing");
  EXPECT_THAT(status.hint(), HasSubstr("a string"));
  EXPECT_TRUE(Applied(schema, R"({"prompt": "a cat"})").ok());
  EXPECT_FALSE(Applied(schema, R"({"prompt": ""})").ok());
}

TEST(ParamsSchema, RefusesParamsThatAreNoObject) {
  EXPECT_FALSE(Applied(Enhance(), "[1]").ok());
  EXPECT_FALSE(Applied(Enhance(), "\"x\"").ok());
}

TEST(ParamsSchema, RefusesSchemasThatAreNotSound) {
  for (const char* schema :
       {R"({"type": "array"})", R"({"properties": {"a": {"type": "integer", "minimum": "x"}}})",
        R"({"properties": {"a": {"$ref": "https://example.com/a.json"}}})", R"({"required": "a"})",
        R"({"properties": []})", "[]", "7"}) {
    EXPECT_FALSE(ParamsSchema::Compile(Json::parse(schema)).ok()) << schema;
  }
}

TEST(ParamsSchema, RefusesADefaultThatDoesNotFit) {
  const Result<ParamsSchema> compiled = ParamsSchema::Compile(Json::parse(
      R"({"properties": {"a": {"type": "integer", "default": "x"}, "b": {}}, "required": ["b"]})"));
  ASSERT_FALSE(compiled.ok());
  EXPECT_THAT(compiled.status().message(), HasSubstr("\"a\" is \"x\""));
  EXPECT_TRUE(
      ParamsSchema::Compile(
          Json::parse(
              R"({"properties": {"a": {"type": "integer", "default": 1}, "b": {}}, "required": ["b"]})"))
          .ok());
}

TEST(ParamsSchema, KnowsItsParameters) {
  EXPECT_TRUE(Enhance().Knows("scale"));
  EXPECT_FALSE(Enhance().Knows("output_format"));
}

}  // namespace
}  // namespace darkroom
