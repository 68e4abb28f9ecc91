// SPDX-License-Identifier: Apache-2.0

#include "core/process_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace darkroom {
namespace {

TEST(ProcessMemory, GrowsWithWhatIsTouched) {
  const auto before = ResidentBytes(getpid());
  ASSERT_TRUE(before);
  EXPECT_GT(*before, uint64_t{1} << 20);
  constexpr uint64_t kMore = uint64_t{64} << 20;
  const std::vector<char> memory(kMore, 'x');
  const auto after = ResidentBytes(getpid());
  ASSERT_TRUE(after);
  EXPECT_GE(*after, *before + kMore * 9 / 10) << memory.size();
}

TEST(ProcessMemory, OfNobodyThereIsNone) { EXPECT_FALSE(ResidentBytes(-1)); }

}  // namespace
}  // namespace darkroom
