// SPDX-License-Identifier: Apache-2.0

#include "device/ledger.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace darkroom {
namespace {

TEST(Ledger, LeasesNoMoreThanThereIs) {
  Ledger ledger(100);
  int a = 0;
  int b = 0;
  EXPECT_TRUE(ledger.Lease(&a, 60));
  EXPECT_FALSE(ledger.Lease(&b, 41));
  EXPECT_TRUE(ledger.Fits(40));
  EXPECT_TRUE(ledger.Lease(&b, 40));
  EXPECT_FALSE(ledger.Lease(&a, 1));
  EXPECT_EQ(ledger.HeldBy(&a), 60U);
  ledger.Release(&a);
  ledger.Release(&a);
  EXPECT_EQ(ledger.leased(), 40U);
  EXPECT_FALSE(ledger.Lease(&a, UINT64_MAX));
}

TEST(Ledger, WithoutABudgetEverythingFits) {
  Ledger ledger(0);
  int a = 0;
  EXPECT_TRUE(ledger.Lease(&a, 1ULL << 40));
  EXPECT_TRUE(ledger.Lease(&a, 1ULL << 40));
  EXPECT_EQ(ledger.HeldBy(&a), 2ULL << 40);
}

TEST(Ledger, AddsUpWhateverHappens) {
  std::mt19937 random(3);
  Ledger ledger(1000);
  std::array<int, 8> holders{};
  std::array<uint64_t, 8> held{};
  for (int step = 0; step < 10'000; ++step) {
    const size_t who = random() % holders.size();
    if (random() % 3 == 0) {
      ledger.Release(&holders[who]);
      held[who] = 0;
    } else {
      const uint64_t bytes = random() % 400;
      if (ledger.Lease(&holders[who], bytes)) held[who] += bytes;
    }
    uint64_t sum = 0;
    for (const uint64_t bytes : held) sum += bytes;
    ASSERT_EQ(ledger.leased(), sum);
    ASSERT_LE(sum, 1000U);
  }
}

}  // namespace
}  // namespace darkroom
