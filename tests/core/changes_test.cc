// SPDX-License-Identifier: Apache-2.0

#include "core/changes.h"

#include <gtest/gtest.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <string>

#include "core/coroutine.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;

awaitable<void> SayWhen(Changes* changes, const int* value, int least, std::string* said) {
  auto reached = [&] { return *value >= least; };
  co_await changes->Until(reached);
  *said += std::to_string(least);
}

TEST(Changes, WakeAllThatWaitAndThoseWhoseTimeHasComeGoOn) {
  boost::asio::io_context io;
  Changes changes(io);
  int value = 0;
  std::string said;
  for (const int least : {1, 3, 2}) StartCoroutine(io, SayWhen(&changes, &value, least, &said));
  const auto change_to = [&](int to) {
    boost::asio::post(io, [&, to] {
      value = to;
      changes.Notify();
      said += '!';  // they go on behind this
    });
    io.restart();
    io.poll();
  };
  io.poll();
  EXPECT_EQ(said, "");
  change_to(0);
  EXPECT_EQ(said, "!");
  change_to(2);
  EXPECT_TRUE(said == "!!12" || said == "!!21") << said;
  change_to(3);
  EXPECT_EQ(said.substr(4), "!3");
}

TEST(Changes, NobodyWaitsForWhatIsSo) {
  boost::asio::io_context io;
  Changes changes(io);
  const int value = 1;
  std::string said;
  StartCoroutine(io, SayWhen(&changes, &value, 1, &said));
  io.run();  // returns: nothing is waited for
  EXPECT_EQ(said, "1");
}

TEST(Changes, WhatIsNotToldIsNotSeen) {
  boost::asio::io_context io;
  Changes changes(io);
  int value = 0;
  std::string said;
  StartCoroutine(io, SayWhen(&changes, &value, 1, &said));
  io.poll();
  value = 1;
  io.restart();
  io.poll();
  EXPECT_EQ(said, "");
  changes.Notify();
  io.restart();
  io.run();
  EXPECT_EQ(said, "1");
}

TEST(Changes, AChangeThatIsUndoneBeforeAnyoneLooksIsNone) {
  boost::asio::io_context io;
  Changes changes(io);
  int value = 0;
  std::string said;
  StartCoroutine(io, SayWhen(&changes, &value, 1, &said));
  io.poll();
  value = 1;
  changes.Notify();
  value = 0;
  io.restart();
  io.poll();
  EXPECT_EQ(said, "");
}

awaitable<size_t> First(Changes* changes, const int* value, std::chrono::milliseconds patience) {
  using boost::asio::experimental::awaitable_operators::operator||;
  auto reached = [&] { return *value >= 1; };
  const auto first = co_await (changes->Until(reached) || Sleep(patience));
  co_return first.index();
}

TEST(Changes, WaitingCanBeGivenUp) {
  boost::asio::io_context io;
  Changes changes(io);
  int value = 0;
  size_t first = 9;
  boost::asio::co_spawn(io, First(&changes, &value, std::chrono::milliseconds(1)),
                        [&](const std::exception_ptr&, size_t index) { first = index; });
  io.run();
  EXPECT_EQ(first, 1U);
  changes.Notify();  // nobody
  io.restart();
  io.run();
}

TEST(Changes, SleepIsGivenUpForAChange) {
  boost::asio::io_context io;
  Changes changes(io);
  int value = 0;
  size_t first = 9;
  boost::asio::co_spawn(io, First(&changes, &value, std::chrono::hours(1)),
                        [&](const std::exception_ptr&, size_t index) { first = index; });
  boost::asio::post(io, [&] {
    changes.Notify();  // of something else
    boost::asio::post(io, [&] {
      value = 1;
      changes.Notify();
    });
  });
  io.run();
  EXPECT_EQ(first, 0U);
}

TEST(Changes, GivingUpOneLeavesTheOthersWaiting) {
  boost::asio::io_context io;
  Changes changes(io);
  int value = 0;
  std::string said;
  StartCoroutine(io, SayWhen(&changes, &value, 1, &said));
  size_t first = 9;
  boost::asio::co_spawn(io, First(&changes, &value, std::chrono::milliseconds(1)),
                        [&](const std::exception_ptr&, size_t index) {
                          first = index;
                          value = 1;
                          changes.Notify();
                        });
  io.run();
  EXPECT_EQ(first, 1U);
  EXPECT_EQ(said, "1");
}

}  // namespace
}  // namespace darkroom
