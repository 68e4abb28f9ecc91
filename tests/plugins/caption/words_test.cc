// SPDX-License-Identifier: Apache-2.0

#include "caption/words.h"

#include <gtest/gtest.h>

#include <vector>

namespace darkroom {
namespace {

TEST(LimitWords, EndsWithTheLastWholeSentence) {
  const std::string text = "A cat sits. It looks at a dog! The dog, asleep, does not care.";
  EXPECT_EQ(LimitWords(text, 0), text);
  EXPECT_EQ(LimitWords(text, 100), text);
  EXPECT_EQ(LimitWords(text, 10), "A cat sits. It looks at a dog!");
  EXPECT_EQ(LimitWords(text, 8), "A cat sits. It looks at a dog!");
  EXPECT_EQ(LimitWords(text, 7), "A cat sits.");
}

TEST(LimitWords, CutsAfterAWordWhereNoSentenceFits) {
  EXPECT_EQ(LimitWords("a cat, a dog and a bird", 2), "a cat");
  EXPECT_EQ(LimitWords("a \"cat.\" and a dog", 3), "a \"cat.\"");
}

TEST(Trimmed, TakesWhiteSpaceFromBothEnds) {
  EXPECT_EQ(Trimmed(" \n a b\t"), "a b");
  EXPECT_EQ(Trimmed(" \n"), "");
}

TEST(FindStop, FindsTheFirst) {
  const std::vector<std::string> stops = {"dog", "", "cat"};
  EXPECT_EQ(FindStop("a cat, a dog", stops), 2u);
  EXPECT_EQ(FindStop("a bird", stops), std::string::npos);
}

}  // namespace
}  // namespace darkroom
