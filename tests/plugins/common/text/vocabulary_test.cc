// SPDX-License-Identifier: Apache-2.0

#include "common/text/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

namespace darkroom {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Vocabulary, FindsBothWaysAndAllowsGaps) {
  Vocabulary vocabulary;
  vocabulary.Add("cat", 5);
  vocabulary.Add("", 0);
  EXPECT_EQ(vocabulary.Find("cat"), 5);
  EXPECT_EQ(vocabulary.Find("dog"), std::nullopt);
  EXPECT_EQ(vocabulary.TokenOf(5), "cat");
  EXPECT_EQ(vocabulary.TokenOf(3), "");
  EXPECT_EQ(vocabulary.TokenOf(-1), "");
  EXPECT_EQ(vocabulary.TokenOf(6), "");
  EXPECT_EQ(vocabulary.size(), 6);
}

TEST(Vocabulary, RefusesWhatContradictsItself) {
  Vocabulary vocabulary;
  vocabulary.Add("cat", 5);
  vocabulary.Add("cat", 5);
  EXPECT_THAT([&] { vocabulary.Add("cat", 6); },
              ThrowsMessage<Error>(HasSubstr("'cat' has two numbers, 5 and 6")));
  EXPECT_THAT([&] { vocabulary.Add("dog", 5); },
              ThrowsMessage<Error>(HasSubstr("'cat' and 'dog' have the same number, 5")));
}

TEST(Vocabulary, RefusesNumbersThatWouldTakeAllMemory) {
  Vocabulary vocabulary;
  EXPECT_THAT([&] { vocabulary.Add("cat", int64_t{1} << 40); },
              ThrowsMessage<Error>(HasSubstr("not within 0 and")));
  EXPECT_THAT([&] { vocabulary.Add("cat", -1); }, ThrowsMessage<Error>(HasSubstr("number -1")));
}

}  // namespace
}  // namespace darkroom
