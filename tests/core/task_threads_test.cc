// SPDX-License-Identifier: Apache-2.0

#include "core/task_threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace darkroom {
namespace {

TEST(TaskThreads, DoesWhatWasPostedBeforeItGoes) {
  std::atomic<int> done{0};
  {
    TaskThreads threads("tasks", 3);
    for (int i = 0; i < 1000; ++i) threads.Post([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

TEST(TaskThreads, AsManyRunAtOnceAsItMayHave) {
  std::barrier together(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  {
    TaskThreads threads("tasks", 3);
    for (int i = 0; i < 9; ++i) {
      threads.Post([&] {
        together.arrive_and_wait();  // three that wait for each other are three threads
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
      });
    }
  }
  EXPECT_EQ(seen.size(), 3U);
}

TEST(TaskThreads, OneDoesThemInOrder) {
  std::vector<int> done;
  {
    TaskThreads thread("tasks", 1);
    for (int i = 0; i < 100; ++i) thread.Post([&done, i] { done.push_back(i); });
  }
  EXPECT_EQ(done.size(), 100U);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST(TaskThreads, WhatATaskHeldGoesOnItsThreadAndMayPostMore) {
  bool more = false;
  {
    TaskThreads thread("tasks", 1);
    const auto posts = [&](int* held) {
      delete held;
      thread.Post([&more] { more = true; });
    };
    thread.Post([held = std::shared_ptr<int>(new int, posts)] {});
  }
  EXPECT_TRUE(more);
}

}  // namespace
}  // namespace darkroom
