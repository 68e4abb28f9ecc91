// SPDX-License-Identifier: Apache-2.0

#include "cli/bench_figures.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(BenchFigures, PercentilesAreValuesThatWereMeasured) {
  EXPECT_EQ(Percentile({}, 0.5), 0);
  EXPECT_EQ(Percentile({7}, 0.99), 7);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0.5), 2);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 0.51), 3);
  EXPECT_EQ(Percentile({4, 1, 3, 2}, 1), 4);
}

TEST(BenchFigures, SaysHowManyASecondAndWhatFailed) {
  BenchRecord record;
  record.took_ms = {10, 20, 30, 40};
  record.run_ms = {5, 5, 5, 5};
  record.failed = {{"busy", 2}};
  record.seconds = 0.5;
  const auto json = BenchJson(record);
  EXPECT_EQ(json["jobs_per_s"], 8.0);
  EXPECT_EQ(json["took_ms"]["mean"], 25.0);
  EXPECT_EQ(json["took_ms"]["p90"], 40.0);
  EXPECT_EQ(json["failed"]["busy"], 2);
  EXPECT_EQ(BenchText(record),
            "4 jobs in 500 ms: 8.0 a second\n"
            "  took      mean 25 ms  p50 20 ms  p90 40 ms  p99 40 ms  max 40 ms\n"
            "  device    mean 5.0 ms  p50 5.0 ms  p90 5.0 ms  p99 5.0 ms  max 5.0 ms\n"
            "  failed    busy: 2\n");
}

TEST(BenchFigures, NothingThatSucceededHasNoTimes) {
  BenchRecord record;
  record.failed = {{"not_found", 3}};
  EXPECT_TRUE(BenchJson(record)["took_ms"].is_null());
}

}  // namespace
}  // namespace darkroom
