// SPDX-License-Identifier: Apache-2.0

#include "host/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

namespace darkroom::host {
namespace {

TEST(Metrics, AddsUpFromManyThreads) {
  Metrics metrics;
  MetricSums sums;
  const Result<uint32_t> tiles = metrics.Define(MetricKind::kCounter, "tiles_total", "Tiles run.");
  ASSERT_TRUE(tiles.ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) EXPECT_TRUE(metrics.Add(*tiles, 0.5, &sums));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<MetricValue> values = metrics.Snapshot(sums);
  ASSERT_EQ(values.size(), 1U);
  EXPECT_EQ(values[0].name, "tiles_total");
  EXPECT_EQ(values[0].help, "Tiles run.");
  EXPECT_EQ(values[0].value, 2000);
  EXPECT_EQ(values[0].count, 4000U);
}

TEST(Metrics, DefiningAgainGivesTheSameNumber) {
  Metrics metrics;
  MetricSums sums;
  const Result<uint32_t> first = metrics.Define(MetricKind::kGauge, "memory", "");
  const Result<uint32_t> again = metrics.Define(MetricKind::kGauge, "memory", "");
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(*first, *again);
  EXPECT_FALSE(metrics.Define(MetricKind::kCounter, "memory", "").ok());
  EXPECT_TRUE(metrics.Add(*first, -5, &sums));
  EXPECT_EQ(metrics.Snapshot(sums).at(0).value, -5);
}

TEST(Metrics, RefusesBadNamesNumbersAndTooMany) {
  Metrics metrics;
  MetricSums sums;
  for (const char* name : {"", "Tiles", "tiles-total", "1st", "a b"}) {
    EXPECT_FALSE(metrics.Define(MetricKind::kCounter, name, "").ok()) << name;
  }
  EXPECT_FALSE(metrics.Add(0, 1, &sums));
  const Result<uint32_t> counter = metrics.Define(MetricKind::kCounter, "c", "");
  ASSERT_TRUE(counter.ok());
  EXPECT_FALSE(metrics.Add(*counter, -1, &sums));
  EXPECT_FALSE(metrics.Add(*counter, std::nan(""), &sums));
  EXPECT_FALSE(metrics.Add(*counter, INFINITY, &sums));
  for (int i = 1; i < 64; ++i) {
    EXPECT_TRUE(metrics.Define(MetricKind::kCounter, "m" + std::to_string(i), "").ok());
  }
  EXPECT_EQ(metrics.Define(MetricKind::kCounter, "one_more", "").status().code(),
            Code::kResourceExhausted);
}

TEST(Metrics, EachInstanceAddsToItsOwn) {
  Metrics metrics;
  MetricSums first;
  MetricSums second;
  const uint32_t tiles = *metrics.Define(MetricKind::kCounter, "tiles", "");
  EXPECT_TRUE(metrics.Add(tiles, 2, &first));
  EXPECT_TRUE(metrics.Add(tiles, 3, &second));
  EXPECT_EQ(metrics.Snapshot(first).at(0).value, 2);
  EXPECT_EQ(metrics.Snapshot(second).at(0).value, 3);
}

TEST(Metrics, TellsWhatHasChanged) {
  Metrics metrics;
  MetricSums sums;
  std::vector<uint64_t> told;
  const uint32_t tiles = *metrics.Define(MetricKind::kCounter, "tiles", "");
  ASSERT_EQ(metrics.Changed(sums, &told).size(), 1U);  // that there is one
  EXPECT_TRUE(metrics.Changed(sums, &told).empty());
  const uint32_t depth = *metrics.Define(MetricKind::kGauge, "depth", "");
  EXPECT_EQ(metrics.Changed(sums, &told).at(0).name, "depth");
  EXPECT_TRUE(metrics.Add(tiles, 1, &sums));
  EXPECT_EQ(metrics.Changed(sums, &told).at(0).name, "tiles");
  // What comes to the same was added to, all the same.
  EXPECT_TRUE(metrics.Add(depth, 0, &sums));
  EXPECT_EQ(metrics.Changed(sums, &told).size(), 1U);
  EXPECT_TRUE(metrics.Changed(sums, &told).empty());
}

}  // namespace
}  // namespace darkroom::host
