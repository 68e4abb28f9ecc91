// SPDX-License-Identifier: Apache-2.0

#include "core/event.h"

#include <gtest/gtest.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <string>

#include "core/coroutine.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;

awaitable<void> WaitAndSay(Event* event, std::string* said, char what) {
  co_await event->Wait();
  *said += what;
}

TEST(Event, ThoseWhoWaitGoOnBehindSet) {
  boost::asio::io_context io;
  Event event(io);
  std::string said;
  for (const char what : {'a', 'b'}) {
    StartCoroutine(io, WaitAndSay(&event, &said, what));
  }
  boost::asio::post(io, [&] {
    event.Set();
    said += '!';
  });
  io.run();
  EXPECT_TRUE(said == "!ab" || said == "!ba") << said;
}

TEST(Event, NobodyWaitsForWhatHasHappened) {
  boost::asio::io_context io;
  Event event(io);
  event.Set();
  std::string said;
  StartCoroutine(io, WaitAndSay(&event, &said, 'a'));
  io.run();
  EXPECT_EQ(said, "a");
}

awaitable<size_t> First(Event* event, std::chrono::milliseconds patience) {
  using boost::asio::experimental::awaitable_operators::operator||;
  const auto first = co_await (event->Wait() || Sleep(patience));
  co_return first.index();
}

TEST(Event, WaitingCanBeGivenUp) {
  boost::asio::io_context io;
  Event event(io);
  size_t first = 9;
  boost::asio::co_spawn(io, First(&event, std::chrono::milliseconds(1)),
                        [&](const std::exception_ptr&, size_t index) { first = index; });
  io.run();
  EXPECT_EQ(first, 1U);
  EXPECT_FALSE(event.is_set());
}

TEST(Event, SleepIsGivenUpForTheEvent) {
  boost::asio::io_context io;
  Event event(io);
  size_t first = 9;
  boost::asio::co_spawn(io, First(&event, std::chrono::hours(1)),
                        [&](const std::exception_ptr&, size_t index) { first = index; });
  boost::asio::post(io, [&] { event.Set(); });
  io.run();
  EXPECT_EQ(first, 0U);
}

}  // namespace
}  // namespace darkroom
