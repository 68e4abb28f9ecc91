// SPDX-License-Identifier: Apache-2.0

#include "worker/log_tail.h"

#include <gmock/gmock.h>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LogTail, KeepsTheLastLines) {
  LogTail tail;
  EXPECT_THAT(tail.Lines(), IsEmpty());
  for (size_t i = 0; i < LogTail::kLines + 2; ++i) tail.Add(std::to_string(i));
  ASSERT_EQ(tail.Lines().size(), LogTail::kLines);
  EXPECT_EQ(tail.Lines().front(), "2");
  EXPECT_EQ(tail.Lines().back(), std::to_string(LogTail::kLines + 1));
}

TEST(LogTail, CutsLongLines) {
  LogTail tail;
  tail.Add(std::string(10'000, 'x'));
  EXPECT_THAT(tail.Lines(), ElementsAre(std::string(LogTail::kLongest, 'x')));
}

}  // namespace
}  // namespace darkroom
