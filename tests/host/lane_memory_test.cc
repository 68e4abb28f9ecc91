// SPDX-License-Identifier: Apache-2.0

#include "host/lane_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace darkroom::host {
namespace {

TEST(LaneMemory, LeasesAddUpToTheBudget) {
  LaneMemory memory;
  memory.SetBudget(100);
  const Result<dr_lease_t*> first = memory.Reserve(60);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(memory.Reserve(41).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(memory.Reserve(UINT64_MAX).status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(memory.Reserve(40).ok());
  EXPECT_EQ(memory.leased(), 100U);
  EXPECT_TRUE(memory.Release(*first));
  EXPECT_EQ(memory.leased(), 40U);
  EXPECT_FALSE(memory.Release(*first));
  EXPECT_TRUE(memory.Reserve(60).ok());
}

TEST(LaneMemory, KnowsWhatIsMissing) {
  LaneMemory memory;
  EXPECT_EQ(memory.Missing(1000), 0U);
  memory.SetBudget(100);
  EXPECT_EQ(memory.Missing(100), 0U);
  EXPECT_EQ(memory.Missing(130), 30U);
  ASSERT_TRUE(memory.Reserve(80).ok());
  EXPECT_EQ(memory.Missing(50), 30U);
  memory.AddToBudget(30);
  EXPECT_TRUE(memory.Reserve(50).ok());
  EXPECT_EQ(memory.Missing(UINT64_MAX), UINT64_MAX);  // no device has that
}

TEST(LaneMemory, NoBudgetIsNoLimitButItStillCounts) {
  LaneMemory memory;
  EXPECT_TRUE(memory.Reserve(UINT64_MAX - 1).ok());
  EXPECT_FALSE(memory.Reserve(2).ok());
}

TEST(LaneMemory, ScratchMemoryIsAlignedAndOnTheCpuOnly) {
  LaneMemory memory;
  const Result<void*> data = memory.Allocate({1, 0}, 100);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(*data) % kAlignment, 0U);
  std::memset(*data, 1, 100);
  EXPECT_TRUE(memory.Free(*data));
  EXPECT_FALSE(memory.Free(*data));
  EXPECT_EQ(memory.Allocate({2, 0}, 100).status().code(), Code::kUnimplemented);
}

TEST(LaneMemory, TellsWhatWasLeft) {
  LaneMemory memory;
  ASSERT_TRUE(memory.Reserve(1000).ok());
  ASSERT_TRUE(memory.Allocate({1, 0}, 24).ok());
  ASSERT_TRUE(memory.Allocate({1, 0}, 0).ok());
  const LaneMemory::Left left = memory.ReleaseAll();
  EXPECT_EQ(left.leases, 1U);
  EXPECT_EQ(left.blocks, 2U);
  EXPECT_EQ(left.bytes, 1024U);
  EXPECT_EQ(memory.ReleaseAll().bytes, 0U);
}

}  // namespace
}  // namespace darkroom::host
