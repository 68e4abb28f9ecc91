// SPDX-License-Identifier: Apache-2.0

#include "common/text/byte_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class BytePairTest : public testing::Test {
 protected:
  BytePairTest() {
    int64_t id = 0;
    for (const char* token : {"a", "b", "c", "ab", "bc", "abc", "aa", "c</w>", "bc</w>"})
      vocabulary_.Add(token, id++);
  }
  std::vector<int64_t> Encode(const BytePair::Merges& merges, const char* word,
                              const std::string& end = "",
                              std::optional<int64_t> unknown = std::nullopt) {
    std::vector<int64_t> ids;
    BytePair(vocabulary_, merges, end, unknown).Encode(word, &ids);
    return ids;
  }
  Vocabulary vocabulary_;
};

TEST_F(BytePairTest, JoinsInTheOrderOfTheList) {
  EXPECT_THAT(Encode({{"a", "b"}, {"b", "c"}}, "abc"), ElementsAre(3, 2));
  EXPECT_THAT(Encode({{"b", "c"}, {"a", "b"}}, "abc"), ElementsAre(0, 4));
  EXPECT_THAT(Encode({{"b", "c"}, {"a", "bc"}}, "abc"), ElementsAre(5));
}

TEST_F(BytePairTest, JoinsTheLeftmostFirst) {
  EXPECT_THAT(Encode({{"a", "a"}}, "aaa"), ElementsAre(6, 0));
}

TEST_F(BytePairTest, KnowsAWordsEnd) {
  EXPECT_THAT(Encode({{"b", "c"}, {"b", "c</w>"}}, "bcbc", "</w>"), ElementsAre(4, 8));
}

TEST_F(BytePairTest, PutsTheUnknownTokenOrNothingForAByteWithoutOne) {
  EXPECT_THAT(Encode({}, "axb", "", 6), ElementsAre(0, 6, 1));
  EXPECT_THAT(Encode({{"a", "b"}}, "axb"), ElementsAre(3));
  EXPECT_THAT(Encode({}, "x"), IsEmpty());
  EXPECT_THAT(Encode({}, ""), IsEmpty());
}

TEST_F(BytePairTest, CutsAWordOfAMillionBytes) {
  const std::string word(1'000'000, 'a');
  EXPECT_EQ(Encode({{"a", "a"}}, word.c_str()).size(), 500'000u);
}

TEST_F(BytePairTest, RefusesAMergeOfWhatIsNoToken) {
  EXPECT_THAT(
      [&] {
        Encode({{"a", "b"}, {"c", "a"}}, "a");
      },
      ThrowsMessage<Error>(HasSubstr("merge 2, 'c a', needs the token 'ca'")));
}

}  // namespace
}  // namespace darkroom
