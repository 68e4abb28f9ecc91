// SPDX-License-Identifier: Apache-2.0

#include "common/json_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <limits>

#include "tests/plugins/common/temporary_file.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

JsonConfig Parse(const std::string& text) { return JsonConfig::Parse(text, "config.json"); }

template <typename Action>
std::string MessageOf(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
    return error.what();
  }
  return "no error";
}

TEST(JsonConfigTest, GivesValuesAndDefaults) {
  const JsonConfig config = Parse(
      R"({"i": 3, "n": 0.5, "f": true, "t": "x", "ns": [1, 2.5], "is": [1, 2], "ts": ["a"],
          "none": null})");
  EXPECT_EQ(config.Integer("i"), 3);
  EXPECT_EQ(config.Integer("absent", 7), 7);
  EXPECT_EQ(config.Integer("none", 8), 8);
  EXPECT_EQ(config.Number("n"), 0.5);
  EXPECT_EQ(config.Number("i"), 3.0);
  EXPECT_TRUE(config.Flag("f", false));
  EXPECT_EQ(config.Text("t", "y"), "x");
  EXPECT_EQ(config.Numbers("ns", {}), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(config.Integers("is", {}), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(config.Texts("ts"), (std::vector<std::string>{"a"}));
  EXPECT_NO_THROW(config.CheckAllRead());
}

TEST(JsonConfigTest, NamesTheFieldAndItsValueWhenTheKindIsWrong) {
  const JsonConfig config = Parse(R"({"a": {"width": "wide"}})");
  EXPECT_THAT(MessageOf([&] { config.Section("a").Integer("width"); }),
              HasSubstr(R"(config.json: a.width is "wide"; it must be an integer)"));
  EXPECT_THAT(MessageOf([&] { config.Number("rate"); }), HasSubstr("rate is missing"));
  EXPECT_THAT(MessageOf([&] { Parse(R"({"w": 0})").Size("w", 1); }), HasSubstr("w is 0"));
  EXPECT_THAT(MessageOf([&] { Parse(R"({"s": 1})").Section("s"); }), HasSubstr("an object"));
  EXPECT_THAT(MessageOf([&] { Parse(R"({"l": [1, "b"]})").Integers("l", {}); }),
              HasSubstr("list of integers"));
}

TEST(JsonConfigTest, PythonsInfinitiesAreTheEndsOfTheNumbers) {
  const JsonConfig config =
      Parse(R"({"least": -Infinity, "most": Infinity, "text": "Infinity \" -Infinity"})");
  EXPECT_EQ(config.Number("least"), std::numeric_limits<double>::lowest());
  EXPECT_EQ(config.Number("most"), std::numeric_limits<double>::max());
  EXPECT_EQ(config.Text("text"), "Infinity \" -Infinity");
  EXPECT_THAT(MessageOf([] { Parse(R"({"n": NaN})"); }), HasSubstr("not valid JSON"));
}

TEST(JsonConfigTest, ACopyWithoutSomeFieldsHasARecordOfItsOwn) {
  const JsonConfig config = Parse(R"({"a": 1, "b": 2, "c": 3})");
  const JsonConfig copy = config.Without([](const std::string& name) { return name == "b"; });
  EXPECT_FALSE(copy.Has("b"));
  EXPECT_EQ(copy.where(), "config.json");
  EXPECT_EQ(copy.Integer("a"), 1);
  EXPECT_THAT(MessageOf([&] { copy.CheckAllRead(); }),
              AllOf(HasSubstr("c (3)"), Not(HasSubstr("b (2)"))));
  EXPECT_THAT(MessageOf([&] { config.CheckAllRead(); }), HasSubstr("a (1)"));
}

TEST(JsonConfigTest, RefusesWhatIsNotImplementedByName) {
  const JsonConfig config = Parse(R"({"rotary": true, "scale": 2, "kind": "new"})");
  EXPECT_THAT(MessageOf([&] { config.Only("rotary", false); }),
              HasSubstr("rotary is true; only false is implemented"));
  EXPECT_THAT(MessageOf([&] { config.Only("scale", int64_t{1}); }), HasSubstr("scale is 2"));
  EXPECT_THAT(MessageOf([&] { config.Only("kind", std::string("old")); }),
              HasSubstr("only \"old\""));
  EXPECT_NO_THROW(config.Only("absent", true));
}

TEST(JsonConfigTest, RefusesFieldsThatNobodyRead) {
  const JsonConfig config =
      Parse(R"({"read": 1, "strange": 2, "part": {"inner": 3, "seen": 4}, "whole": {"x": 1}})");
  config.Integer("read");
  config.Section("part").Integer("seen");
  EXPECT_THAT(
      MessageOf([&] { config.CheckAllRead(); }),
      AllOf(HasSubstr("strange (2)"), HasSubstr("part.inner (3)"), HasSubstr("whole ({\"x\":1})"),
            Not(HasSubstr("seen")), Not(HasSubstr("read ("))));
}

TEST(JsonConfigTest, WhatIsEmptyOrNullIsNothing) {
  EXPECT_NO_THROW(Parse(R"({"pruned_heads": {}, "x": null, "list": []})").CheckAllRead());
}

TEST(JsonConfigTest, MetaFieldsAreIgnoredInSectionsToo) {
  const JsonConfig config = Parse(
      R"({"torch_dtype": "float32", "top_k": 50, "part": {"label2id": {"a": 0}, "num_beams": 1}})");
  config.Section("part");
  config.IgnoreMeta();
  EXPECT_THAT(MessageOf([&] { config.CheckAllRead(); }),
              AllOf(HasSubstr("top_k"), HasSubstr("part.num_beams"), Not(HasSubstr("label"))));
  config.IgnoreGeneration();
  EXPECT_NO_THROW(config.CheckAllRead());
}

TEST(JsonConfigTest, MetaFieldsThatChangeTheNetworkAreRefused) {
  EXPECT_THAT(MessageOf([] { Parse(R"({"is_decoder": true})").IgnoreMeta(); }),
              HasSubstr("is_decoder is true"));
  const JsonConfig quantized = Parse(R"({"quantization_config": {"bits": 4}})");
  quantized.IgnoreMeta();
  EXPECT_THAT(MessageOf([&] { quantized.CheckAllRead(); }), HasSubstr("quantization_config"));
}

TEST(JsonConfigTest, ASectionCanBeCheckedAlone) {
  const JsonConfig config = Parse(R"({"other": 1, "part": {"x": 1}})");
  const JsonConfig part = config.Section("part");
  EXPECT_THAT(MessageOf([&] { part.CheckAllRead(); }), HasSubstr("part.x"));
  part.Integer("x");
  EXPECT_NO_THROW(part.CheckAllRead());
}

TEST(JsonConfigTest, ListsMayHoldLists) {
  const JsonConfig config = Parse(R"({"a": [1, [2, 3]], "b": [["x"]], "c": 4, "d": null})");
  EXPECT_TRUE(config.IsList("a"));
  EXPECT_FALSE(config.IsList("c"));
  EXPECT_FALSE(config.IsList("nothing"));
  EXPECT_EQ(config.IntegerLists("a"), (std::vector<std::vector<int64_t>>{{1}, {2, 3}}));
  EXPECT_TRUE(config.IntegerLists("d").empty());
  EXPECT_THAT(MessageOf([&] { config.IntegerLists("b"); }), HasSubstr("b is [[\"x\"]]"));
  EXPECT_THAT(MessageOf([&] { config.IntegerLists("c"); }), HasSubstr("must be a list"));
}

TEST(JsonConfigTest, NullAndAbsentCanBeToldApart) {
  const JsonConfig config = Parse(R"({"a": null, "b": 1})");
  EXPECT_TRUE(config.IsNull("a"));
  EXPECT_FALSE(config.IsNull("b"));
  EXPECT_FALSE(config.IsNull("nothing"));
}

TEST(JsonConfigTest, RefusesWhatIsNoObject) {
  EXPECT_THAT(MessageOf([] { Parse("[1]"); }), HasSubstr("not a JSON object"));
  EXPECT_THAT(MessageOf([] { Parse("{"); }), HasSubstr("not valid JSON"));
}

TEST(JsonConfigTest, ReadsAFileAndSaysWhichIsMissing) {
  const TemporaryFile file(R"({"a": 1})");
  EXPECT_EQ(JsonConfig::Read(file.path()).Integer("a"), 1);
  try {
    JsonConfig::Read("/nowhere/config.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_NOT_FOUND);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/config.json"));
  }
}

}  // namespace
}  // namespace darkroom
