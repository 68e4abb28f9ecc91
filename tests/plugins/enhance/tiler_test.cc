// SPDX-License-Identifier: Apache-2.0

#include "enhance/tiler.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

int64_t RoundUp(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// Every promise of tiler.h, for every length up to a few tiles.
TEST(TilerTest, CoversEveryLengthAsPromised) {
  for (const int64_t multiple : {1, 2, 4}) {
    for (const int64_t tile : {4, 32, 37}) {
      for (const int64_t padding : {0, 1, 6, 16}) {
        const int64_t margin = RoundUp(padding, multiple);
        for (int64_t length = 1; length < 400; ++length) {
          const auto spans = CoverEdge(length, tile, padding, multiple);
          SCOPED_TRACE(testing::Message() << "length " << length << " tile " << tile << " padding "
                                          << padding << " multiple " << multiple);
          ASSERT_FALSE(spans.empty());
          EXPECT_EQ(spans.front().keep_begin, 0);
          EXPECT_EQ(spans.front().read_begin, 0);
          EXPECT_EQ(spans.back().keep_end, length);
          EXPECT_EQ(spans.back().read_end, RoundUp(length, multiple));
          for (size_t i = 0; i < spans.size(); ++i) {
            const Span& span = spans[i];
            EXPECT_EQ(span.read_begin % multiple, 0);
            EXPECT_EQ(span.read_end - span.read_begin, spans[0].read_end - spans[0].read_begin);
            EXPECT_EQ((span.read_end - span.read_begin) % multiple, 0);
            EXPECT_LE(span.read_end - span.read_begin, RoundUp(tile, multiple) + 2 * margin);
            EXPECT_LT(span.keep_begin, span.keep_end);
            if (i > 0) {
              EXPECT_EQ(span.keep_begin, spans[i - 1].keep_end);
              EXPECT_EQ(span.keep_begin % multiple, 0);
              EXPECT_GE(span.keep_begin - span.read_begin, padding);
            }
            if (i + 1 < spans.size()) {
              EXPECT_GE(span.read_end - span.keep_end, padding);
            }
          }
        }
      }
    }
  }
}

TEST(TilerTest, NoTileMeansOneWindow) {
  const auto spans = CoverEdge(5001, 0, 16, 2);
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].read_end, 5002);
  EXPECT_EQ(spans[0].keep_end, 5001);
}

TEST(TilerTest, APictureOfOneWindowIsNotCut) {
  EXPECT_EQ(CoverEdge(160, 128, 16, 1).size(), 1U);
  EXPECT_EQ(CoverEdge(161, 128, 16, 1).size(), 2U);
}

}  // namespace
}  // namespace darkroom
