// SPDX-License-Identifier: Apache-2.0

#include "common/text/word_piece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

namespace darkroom {
namespace {

using testing::ElementsAre;

TokenizerParts Parts() {
  TokenizerParts parts;
  int64_t id = 0;
  for (const char* token : {"[UNK]", "[CLS]", "[SEP]", "un", "##able", "##a", "cafe", ",", "do",
                            "not", "\u4f60", "'", "s"})
    parts.vocabulary.Add(token, id++);
  parts.added = {{"[CLS]", 1, true, false}, {"[SEP]", 2, true, false}};
  parts.before = {1};
  parts.after = {2};
  return parts;
}

TEST(WordPieceTokenizer, TakesTheLongestPieces) {
  const WordPieceTokenizer tokenizer(Parts(), {});
  EXPECT_THAT(tokenizer.Encode("Unable, una"), ElementsAre(1, 3, 4, 7, 3, 5, 2));
}

TEST(WordPieceTokenizer, GivesUpAWholeWordForOneMissingPiece) {
  const WordPieceTokenizer tokenizer(Parts(), {});
  EXPECT_THAT(tokenizer.EncodeBare("unablex cafe"), ElementsAre(0, 6));
  WordPieceOptions options;
  options.max_word = 5;
  EXPECT_THAT(WordPieceTokenizer(Parts(), options).EncodeBare("unable cafe"), ElementsAre(0, 6));
}

TEST(WordPieceTokenizer, StripsAccentsAndSeparatesChinese) {
  const WordPieceTokenizer tokenizer(Parts(), {});
  EXPECT_THAT(tokenizer.EncodeBare("Caf\u00c9\u4f60un\u200d"), ElementsAre(6, 10, 3));
}

TEST(WordPieceTokenizer, TruncatesWithinTheFrame) {
  const WordPieceTokenizer tokenizer(Parts(), {});
  EXPECT_THAT(tokenizer.Encode("un un un", 4), ElementsAre(1, 3, 3, 2));
  EXPECT_THAT(tokenizer.Encode("un", 2), ElementsAre(1, 2));
  EXPECT_THROW((void)tokenizer.Encode("un", 1), Error);
}

TEST(WordPieceTokenizer, DecodesAsPeopleWrite) {
  const WordPieceTokenizer tokenizer(Parts(), {});
  const int64_t ids[] = {1, 3, 4, 7, 8, 9, 11, 12, 2, 99, -1};
  EXPECT_EQ(tokenizer.Decode(ids), "unable, do not ' s");
  EXPECT_EQ(tokenizer.Decode(ids, true), "[CLS] unable, do not ' s [SEP]");
  WordPieceOptions raw;
  raw.clean_tokens = false;
  EXPECT_EQ(WordPieceTokenizer(Parts(), raw).Decode(ids), "unable , do not ' s");
  WordPieceOptions whole;
  whole.clean_result = true;
  EXPECT_EQ(WordPieceTokenizer(Parts(), whole).Decode(ids), "unable, do not's");
}

}  // namespace
}  // namespace darkroom
