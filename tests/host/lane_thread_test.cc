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

LaneCommand Command(LaneCommand::Kind kind) {
  LaneCommand command;
  command.kind = kind;
  return command;
}

TEST(LaneThread, CarriesOutEverythingInOrderOnOneNamedThread) {
  std::vector<uint64_t> done;
  std::set<std::thread::id> threads;
  std::array<char, 16> name{};
  {
    LaneThread lane(
        "photo-enhance-fast",
        [&](LaneCommand& command) {
          threads.insert(std::this_thread::get_id());
          pthread_getname_np(pthread_self(), name.data(), name.size());
          for (const HostJob& job : command.batch) done.push_back(job.token);
        },
        nullptr);
    for (uint64_t i = 0; i < 1000; ++i) {
      std::vector<HostJob> batch(1);
      batch[0].token = i;
      LaneCommand command;
      command.batch = std::move(batch);
      lane.Post(std::move(command));
    }
  }
  ASSERT_EQ(done.size(), 1000U);
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(done[i], i);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
  EXPECT_STREQ(name.data(), "photo-enhance-f");
}

TEST(LaneThread, GoesOnBetweenCommandsUntilThereIsNothingLeft) {
  int left = 0;
  std::vector<int> seen;  // how much was left at each command
  {
    LaneThread lane(
        "lane",
        [&](LaneCommand& command) {
          seen.push_back(left);
          if (command.kind == LaneCommand::Kind::kRun) left = 1000;
        },
        [&] {
          if (left > 0) --left;
          return left > 0;
        });
    lane.Post(Command(LaneCommand::Kind::kRun));
    lane.Post(Command(LaneCommand::Kind::kLook));
  }
  EXPECT_EQ(left, 0);  // before it came home
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace darkroom::host
