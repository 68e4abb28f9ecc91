// SPDX-License-Identifier: Apache-2.0

#include "cli/schema_text.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;

ParameterText One(const json& property) {
  const auto parameters = DescribeSchema({{"properties", {{"p", property}}}});
  EXPECT_EQ(parameters.size(), 1U);
  return parameters.empty() ? ParameterText() : parameters.front();
}

TEST(SchemaText, SaysTypeDefaultRangeAndPurpose) {
  const ParameterText p = One({{"type", "integer"},
                               {"minimum", 1},
                               {"maximum", 4},
                               {"default", 2},
                               {"description", "How many times larger"}});
  EXPECT_EQ(p.name, "p");
  EXPECT_EQ(p.type, "integer");
  EXPECT_EQ(p.default_value, "2");
  EXPECT_EQ(p.range, "1 to 4");
  EXPECT_EQ(p.description, "How many times larger");
  EXPECT_FALSE(p.required);
}

TEST(SchemaText, ShowsRangesOfAllKinds) {
  EXPECT_EQ(One({{"type", "number"}, {"minimum", 0}}).range, ">= 0");
  EXPECT_EQ(One({{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1}}).range, "<= 1, > 0");
  EXPECT_EQ(One({{"type", "integer"}, {"multipleOf", 8}}).range, "multiples of 8");
  EXPECT_EQ(One({{"type", "string"}, {"maxLength", 77}}).range, "up to 77 characters");
  EXPECT_EQ(One({{"const", "x"}}).range, "x");
}

TEST(SchemaText, ShowsTheValuesOfAnEnumerationAsTheyAreTyped) {
  const ParameterText p = One({{"enum", {"png", "jpeg"}}, {"default", "png"}});
  EXPECT_EQ(p.type, "string");
  EXPECT_EQ(p.range, "png, jpeg");
  EXPECT_EQ(p.default_value, "png");
}

TEST(SchemaText, KnowsSeveralTypesAndRequiredParameters) {
  const auto parameters = DescribeSchema(
      {{"properties", {{"a", {{"type", {"number", "null"}}, {"default", nullptr}}}, {"b", true}}},
       {"required", {"b"}}});
  ASSERT_EQ(parameters.size(), 2U);
  EXPECT_EQ(parameters[0].type, "number or null");
  EXPECT_EQ(parameters[0].default_value, "null");
  EXPECT_TRUE(parameters[1].required);
}

TEST(SchemaText, IsEmptyWhereThereIsNothingToSay) {
  EXPECT_TRUE(DescribeSchema(json::object()).empty());
  EXPECT_TRUE(DescribeSchema(nullptr).empty());
  EXPECT_TRUE(DescribeSchema({{"properties", "odd"}}).empty());
}

}  // namespace
}  // namespace darkroom
