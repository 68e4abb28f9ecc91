// SPDX-License-Identifier: Apache-2.0

#include "host/error_words.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace darkroom::host {
namespace {

TEST(ErrorWords, BelongToTheThreadThatSetThem) {
  ErrorWords words;
  words.Set("mine");
  std::thread([&] {
    EXPECT_EQ(words.Take(), "");
    words.Set("other");
    EXPECT_EQ(words.Take(), "other");
  }).join();
  EXPECT_EQ(words.Take(), "mine");
  EXPECT_EQ(words.Take(), "");
}

TEST(ErrorWords, TheLastOnesCountAndAreCut) {
  ErrorWords words;
  words.Set("first");
  words.Set(std::string(100'000, 'x'));
  EXPECT_EQ(words.Take(), std::string(4096, 'x'));
}

TEST(ErrorWords, DoNotGrowWithThreadsThatNeverTake) {
  ErrorWords words;
  for (int i = 0; i < 1000; ++i) std::thread([&] { words.Set("left behind"); }).join();
  words.Set("mine");
  EXPECT_EQ(words.Take(), "mine");
}

}  // namespace
}  // namespace darkroom::host
