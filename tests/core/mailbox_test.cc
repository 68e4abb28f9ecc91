// SPDX-License-Identifier: Apache-2.0

#include "core/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace darkroom {
namespace {

TEST(Mailbox, DeliversABurstAtOnceAndInOrder) {
  boost::asio::io_context io;
  std::vector<std::vector<int>> reads;
  Mailbox<int> box(io, [&](std::vector<int>& values) { reads.push_back(values); });
  for (int i = 0; i < 5; ++i) box.Put(i);
  io.run();
  ASSERT_EQ(reads.size(), 1U);
  EXPECT_EQ(reads[0], (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Mailbox, LosesNothingBetweenThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10'000;
  boost::asio::io_context io;
  auto work = boost::asio::make_work_guard(io);
  std::vector<int> last(kThreads, -1);
  int seen = 0;
  Mailbox<std::pair<int, int>> box(io, [&](auto& values) {
    for (const auto& [from, number] : values) {
      EXPECT_EQ(number, last[static_cast<size_t>(from)] + 1);  // each sender's own order holds
      last[static_cast<size_t>(from)] = number;
      if (++seen == kThreads * kEach) work.reset();
    }
  });
  std::vector<std::thread> senders;
  for (int t = 0; t < kThreads; ++t) {
    senders.emplace_back([&box, t] {
      for (int i = 0; i < kEach; ++i) box.Put({t, i});
    });
  }
  io.run();
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(seen, kThreads * kEach);
}

TEST(Mailbox, IsSilentOnceClosed) {
  boost::asio::io_context io;
  int reads = 0;
  auto box = std::make_unique<Mailbox<std::unique_ptr<int>>>(io, [&](auto&) { ++reads; });
  box->Put(std::make_unique<int>(1));
  box.reset();  // its post is still in line
  io.run();
  EXPECT_EQ(reads, 0);
}

}  // namespace
}  // namespace darkroom
