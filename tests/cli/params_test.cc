// SPDX-License-Identifier: Apache-2.0

#include "cli/params.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace darkroom {
namespace {

using nlohmann::json;

TEST(Params, ValuesAreJsonWhereTheyAreNoStrings) {
  EXPECT_EQ(ParseParamValue("2"), json(2));
  EXPECT_EQ(ParseParamValue("-1.5e2"), json(-150.0));
  EXPECT_EQ(ParseParamValue("true"), json(true));
  EXPECT_EQ(ParseParamValue("null"), json());
  EXPECT_EQ(ParseParamValue("[1, 2]"), json::array({1, 2}));
  EXPECT_EQ(ParseParamValue(R"({"a": 1})"), (json{{"a", 1}}));
}

TEST(Params, AllElseIsTheStringAsItStands) {
  for (const char* text : {"", "a red cat", "True", "NaN", "01", "1,5", "[1, 2", "\"quoted\""}) {
    EXPECT_EQ(ParseParamValue(text), json(text)) << text;
  }
}

TEST(Params, AssignmentsStandOverTheObject) {
  const Result<json> params =
      ParseParams({"scale=2", "prompt=a=b", "scale=3"}, R"({"scale": 4, "seed": 7})");
  ASSERT_TRUE(params.ok()) << params.status().ToString();
  EXPECT_EQ(*params, (json{{"scale", 3}, {"seed", 7}, {"prompt", "a=b"}}));
}

TEST(Params, TheObjectMayBeAFile) {
  const std::string path = testing::TempDir() + "cli_params_test.json";
  std::ofstream(path) << R"({"seed": 9})";
  const Result<json> params = ParseParams({}, "@" + path);
  std::remove(path.c_str());
  ASSERT_TRUE(params.ok()) << params.status().ToString();
  EXPECT_EQ(*params, (json{{"seed", 9}}));
  EXPECT_EQ(ParseParams({}, "@" + path).status().code(), Code::kNotFound);
}

TEST(Params, SaysWhatIsWrong) {
  EXPECT_EQ(ParseParams({"scale"}, "").status().message(), "-p 'scale' is no assignment");
  EXPECT_EQ(ParseParams({"=2"}, "").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseParams({"a=\xff"}, "").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseParams({}, "[1]").status().message(), "--params must be a JSON object");
  EXPECT_EQ(ParseParams({}, "{").status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace darkroom
