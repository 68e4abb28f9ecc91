// SPDX-License-Identifier: Apache-2.0

#include "host/lane_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace darkroom::host {
namespace {

TEST(LaneThread, CarriesOutEverythingInOrderOnOneNamedThread) {
  std::vector<uint64_t> done;
  std::set<std::thread::id> threads;
  std::array<char, 16> name{};
  {
    LaneThread lane("photo-enhance-fast", [&](LaneCommand& command) {
      threads.insert(std::this_thread::get_id());
      pthread_getname_np(pthread_self(), name.data(), name.size());
      for (const HostJob& job : command.batch) done.push_back(job.token);
    });
    for (uint64_t i = 0; i < 1000; ++i) {
      std::vector<HostJob> batch(1);
      batch[0].token = i;
      lane.Post(LaneCommand::Kind::kRun, std::move(batch));
    }
  }
  ASSERT_EQ(done.size(), 1000U);
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(done[i], i);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
  EXPECT_STREQ(name.data(), "photo-enhance-f");
}

TEST(LaneThread, TellsWhenACommandWasPosted) {
  const uint64_t before = NowNs();
  uint64_t posted = 0;
  {
    LaneThread lane("lane", [&](LaneCommand& command) { posted = command.posted_ns; });
    lane.Post(LaneCommand::Kind::kLoad);
  }
  EXPECT_GE(posted, before);
  EXPECT_LE(posted, NowNs());
}

}  // namespace
}  // namespace darkroom::host
