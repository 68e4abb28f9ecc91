// SPDX-License-Identifier: Apache-2.0

#include "core/coroutine.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

namespace darkroom {
namespace {

using boost::asio::awaitable;

awaitable<void> SleepAndCount(int* count) {
  co_await Sleep(std::chrono::milliseconds(1));
  ++*count;
}

TEST(Coroutine, RunsToItsEnd) {
  boost::asio::io_context io;
  int count = 0;
  StartCoroutine(io, SleepAndCount(&count));
  StartCoroutine(io, SleepAndCount(&count));
  io.run();
  EXPECT_EQ(count, 2);
}

awaitable<void> Fail() {
  co_await Sleep(std::chrono::milliseconds(1));
  throw std::runtime_error("a bug");
}

TEST(Coroutine, WhatItThrowsIsNotLost) {
  boost::asio::io_context io;
  StartCoroutine(io, Fail());
  EXPECT_THROW(io.run(), std::runtime_error);
}

}  // namespace
}  // namespace darkroom
