// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_line.h"

#include <gtest/gtest.h>

#include "cli/request.h"

namespace darkroom {
namespace {

const BatchDefaults kDefaults;

TEST(ParseBatchLine, ReadsAllFields) {
  const Result<BatchLine> line = ParseBatchLine(
      R"({"model": "photo-enhance", "input": "a.jpg", "params": {"scale": 2}, "id": "a-1",
          "tags": {"album": 42, "owner": "me"}, "class": "normal", "output": "out/a.webp",
          "deadline": "10m"})",
      1, kDefaults);
  ASSERT_TRUE(line.ok()) << line.status().ToString();
  EXPECT_EQ(line->job.id, "a-1");
  EXPECT_EQ(line->job.model, "photo-enhance");
  EXPECT_EQ(line->job.job_class, "normal");
  EXPECT_EQ(line->job.tags, (Tags{{"album", "42"}, {"owner", "me"}}));
  ASSERT_EQ(line->inputs.size(), 1U);
  EXPECT_EQ(line->inputs[0].name, "");
  EXPECT_EQ(line->inputs[0].value, "a.jpg");
  EXPECT_EQ(line->params, (nlohmann::json{{"scale", 2}}));
  EXPECT_EQ(line->output, "out/a.webp");
  EXPECT_EQ(line->accept, "image/webp");
  EXPECT_EQ(line->deadline, std::chrono::minutes(10));
}

TEST(ParseBatchLine, NamedInputsArePathsOrTexts) {
  const Result<BatchLine> line = ParseBatchLine(
      R"({"model": "m", "inputs": {"image": "a.png", "prompt": {"text": "a red cat"}}})", 1,
      kDefaults);
  ASSERT_TRUE(line.ok()) << line.status().ToString();
  ASSERT_EQ(line->inputs.size(), 2U);
  EXPECT_EQ(line->inputs[0].name, "image");
  EXPECT_EQ(line->inputs[0].source, InputArgument::Source::kFile);
  EXPECT_EQ(line->inputs[1].source, InputArgument::Source::kText);
  EXPECT_EQ(line->inputs[1].value, "a red cat");
}

TEST(ParseBatchLine, IdsAreOfTheTextItsPlaceAndTheModel) {
  const auto id = [](const char* text, uint64_t number, const BatchDefaults& defaults) {
    const Result<BatchLine> line = ParseBatchLine(text, number, defaults);
    EXPECT_TRUE(line.ok());
    EXPECT_TRUE(IsJobId(line->job.id)) << line->job.id;
    return line->job.id;
  };
  const BatchDefaults one{"one", "bulk"};
  const std::string first = id(R"({"input": "a"})", 1, one);
  EXPECT_EQ(first, id(R"({"input": "a"})", 1, one));
  EXPECT_NE(first, id(R"({"input": "a"})", 2, one));
  EXPECT_NE(first, id(R"({"input": "b"})", 1, one));
  EXPECT_NE(first, id(R"({"input": "a"})", 1, {"two", "bulk"}));
}

TEST(ParseBatchLine, WhatIsWrongIsAnError) {
  for (const char* text :
       {"", "[]", "{}", R"({"model": "a.b"})", R"({"model": "m", "inputt": "a"})",
        R"({"model": "m", "input": 1})", R"({"model": "m", "input": "a", "inputs": {}})",
        R"({"model": "m", "inputs": "a"})", R"({"model": "m", "params": []})",
        R"({"model": "m", "id": "a.b"})", R"({"model": "m", "id": 7})",
        R"({"model": "m", "tags": {"a": []}})", R"({"model": "m", "tags": {"a": "1,2"}})",
        R"({"model": "m", "class": "urgent"})", R"({"model": "m", "deadline": "soon"})",
        R"({"model": "m", "accept": "gif"})"}) {
    EXPECT_FALSE(ParseBatchLine(text, 1, kDefaults).ok()) << text;
  }
}

}  // namespace
}  // namespace darkroom
