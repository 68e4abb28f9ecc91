// SPDX-License-Identifier: Apache-2.0

#include "caption/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

namespace darkroom {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

GenerationSettings ModelsDefaults() {
  GenerationSettings settings;
  settings.max_new_tokens = 0;
  settings.beams = 4;
  settings.end = {102};
  return settings;
}

CaptionParams Parse(const std::string& params, const CaptionOptions& options = {}) {
  return ParseCaptionParams(params, options, ModelsDefaults());
}

TEST(CaptionParams, TakesTheModelsDefaults) {
  const CaptionParams params = Parse("{}");
  EXPECT_EQ(params.settings.max_new_tokens, 200);
  EXPECT_EQ(params.settings.beams, 4);
  EXPECT_FALSE(params.settings.sample);
  EXPECT_FALSE(params.json);
  EXPECT_TRUE(params.prompt.empty());
}

TEST(CaptionParams, SamplingAsksForNoBeams) {
  const CaptionParams params = Parse(R"({"sample": true, "seed": 7})");
  EXPECT_TRUE(params.settings.sample);
  EXPECT_EQ(params.settings.beams, 1);
  EXPECT_EQ(params.settings.seed, 7u);
  EXPECT_THAT([] { Parse(R"({"sample": true, "beams": 2})"); },
              ThrowsMessage<Error>(HasSubstr("sampling and 2 beams do not go together")));
}

TEST(CaptionParams, ATemplateIsANamedPrompt) {
  CaptionOptions options;
  options.templates["map"] = "a map of";
  EXPECT_EQ(Parse(R"({"template": "map"})", options).prompt, "a map of");
  EXPECT_EQ(Parse(R"({"template": "chart"})", options).prompt, "a chart showing");
  EXPECT_THAT(
      [] { Parse(R"({"template": "map"})"); },
      ThrowsMessage<Error>(HasSubstr("'map'; this model has chart, diagram, photo, screenshot")));
  EXPECT_THAT([] { Parse(R"({"template": "photo", "prompt": "a"})"); },
              ThrowsMessage<Error>(HasSubstr("do not go together")));
}

TEST(CaptionParams, TheModelsLimitsHold) {
  const CaptionOptions options = ParseCaptionOptions(
      R"({"options": {"max_new_tokens": 30, "max_beams": 5, "templates": {"photo": "x"}}})");
  EXPECT_EQ(options.templates.at("photo"), "x");
  EXPECT_EQ(Parse("{}", options).settings.max_new_tokens, 30);
  EXPECT_THAT([&] { Parse(R"({"max_new_tokens": 31})", options); },
              ThrowsMessage<Error>(HasSubstr("max_new_tokens is 31, this model allows 30")));
  EXPECT_THAT([&] { Parse(R"({"beams": 6})", options); },
              ThrowsMessage<Error>(HasSubstr("beams is 6, this model allows 5")));
}

TEST(CaptionOptions, NamesWhatIsWrong) {
  EXPECT_THAT([] { ParseCaptionOptions(R"({"options": {"beam": 1}})"); },
              ThrowsMessage<Error>(HasSubstr("'beam' is unknown")));
  EXPECT_THAT([] { ParseCaptionOptions(R"({"options": {"max_beams": 0}})"); },
              ThrowsMessage<Error>(HasSubstr("max_beams is 0, expected an integer from 1")));
  EXPECT_THAT([] { ParseCaptionOptions(R"({"options": {"dtype": "int4"}})"); },
              ThrowsMessage<Error>(HasSubstr("int4")));
  EXPECT_THAT([] { ParseCaptionOptions(R"({"options": {"engine": "int8"}})"); },
              ThrowsMessage<Error>(HasSubstr("'int8', expected auto, packed or aten")));
  EXPECT_THAT([] { ParseCaptionOptions(R"({"options": {"templates": {"a": 1}}})"); },
              ThrowsMessage<Error>(HasSubstr("templates.a is 1, expected a text")));
}

TEST(CaptionJson, IsOneObject) {
  EXPECT_EQ(CaptionJson("a \"cat\"", 0.5), R"({"alt_text":"a \"cat\"","confidence":0.5})");
}

}  // namespace
}  // namespace darkroom
