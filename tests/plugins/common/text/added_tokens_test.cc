// SPDX-License-Identifier: Apache-2.0

#include "common/text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

#include "common/text/unicode.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Parts(const AddedTokens& tokens, std::u32string_view text) {
  std::vector<std::string> parts;
  tokens.Split(
      text, [&](std::u32string_view part) { parts.push_back(EncodeUtf8(part)); },
      [&](int64_t id) { parts.push_back(std::to_string(id)); });
  return parts;
}

TEST(AddedTokens, TakesTheLeftmostAndOfThoseTheLongest) {
  AddedTokens tokens;
  tokens.Add(U"<a>", 1);
  tokens.Add(U"<a>b", 2);
  tokens.Add(U"b<", 3);
  EXPECT_THAT(Parts(tokens, U"x<a>b<a>y"), ElementsAre("x", "2", "1", "y"));
  EXPECT_THAT(Parts(tokens, U"b<a>"), ElementsAre("3", "a>"));
  EXPECT_THAT(Parts(tokens, U"<a"), ElementsAre("<a"));
  EXPECT_THAT(Parts(tokens, U""), IsEmpty());
}

TEST(AddedTokens, RefusesAnEmptyOne) {
  AddedTokens tokens;
  EXPECT_THROW(tokens.Add(U"", 1), Error);
}

}  // namespace
}  // namespace darkroom
