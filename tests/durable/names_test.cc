// SPDX-License-Identifier: Apache-2.0

#include "durable/names.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(DurableNames, AreMadeOfThePrefix) {
  const DurableNames names("darkroom");
  EXPECT_EQ(names.jobs, "DARKROOM_JOBS");
  EXPECT_EQ(names.results, "DARKROOM_RESULTS");
  EXPECT_EQ(names.states, "KV_darkroom-jobs");
  EXPECT_EQ(names.bucket, "darkroom-jobs");
  EXPECT_EQ(names.Job("bulk", "echo"), "darkroom.jobs.bulk.echo");
  EXPECT_EQ(names.Result("echo", "a1"), "darkroom.results.echo.a1");
  EXPECT_EQ(names.dead, "DARKROOM_DEAD");
  EXPECT_EQ(names.requests, "DARKROOM_REQUESTS");
  EXPECT_EQ(names.Dead("echo", "a1"), "darkroom.dead.echo.a1");
  EXPECT_EQ(names.Request("echo", "a1"), "darkroom.requests.echo.a1");
  EXPECT_EQ(names.Announced("bulk", "echo"), "darkroom.announced.bulk.echo");
  EXPECT_EQ(names.State("a1"), "$KV.darkroom-jobs.a1");
  EXPECT_EQ(DurableNames::Consumer("bulk", "echo"), "bulk-echo");
}

TEST(DurableNames, OfStreamsHaveNoDots) {
  const DurableNames names("my.photos");
  EXPECT_EQ(names.jobs, "MY_PHOTOS_JOBS");
  EXPECT_EQ(names.states, "KV_my-photos-jobs");
  EXPECT_EQ(names.Job("bulk", "echo"), "my.photos.jobs.bulk.echo");
}

}  // namespace
}  // namespace darkroom
