// SPDX-License-Identifier: Apache-2.0

#include "cli/result_compare.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(SameResult, IsAboutBytes) {
  EXPECT_TRUE(SameResult("abc", "abc", "image/png"));
  EXPECT_FALSE(SameResult("abc", "abd", "image/png"));
  EXPECT_FALSE(SameResult(R"({"job": "a"})", R"({"job": "b"})", "text/plain"));
}

TEST(SameResult, AJsonReplyMayNameItsJob) {
  const char* const type = "application/json; charset=utf-8";
  EXPECT_TRUE(SameResult(R"({"job": "a", "outputs": 1})", R"({"job": "b", "outputs": 1})", type));
  EXPECT_FALSE(SameResult(R"({"job": "a", "outputs": 1})", R"({"job": "b", "outputs": 2})", type));
  EXPECT_FALSE(SameResult("[1]", "[2]", type));
  EXPECT_FALSE(SameResult("{", "}", type));
}

TEST(ResultFacts, HasTheDigest) {
  const nlohmann::json facts = ResultFacts("abc", "text/plain");
  EXPECT_EQ(facts.at("bytes"), 3);
  EXPECT_EQ(facts.at("sha256"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace darkroom
