// SPDX-License-Identifier: Apache-2.0

#include "cli/dead_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json kLetter = {{"id", "a1"},
                      {"model", "echo"},
                      {"class", "bulk"},
                      {"host", "gpu-7"},
                      {"died", "2026-11-21T14:00:00.000Z"},
                      {"attempts", 3},
                      {"bytes", 2048},
                      {"error", {{"code", "instance_lost"}, {"message", "it was killed"}}},
                      {"history", {"first", "second"}},
                      {"log", {"about to fall\x1b[2J"}},
                      {"headers", {{"Content-Type", "image/png"}}}};

WallTime Now() { return *ParseTimestamp("2026-11-21T14:03:10.000Z"); }

TEST(DeadTable, IsARowForEach) {
  EXPECT_EQ(DeadTable({}, Now(), Terminal{}), "no dead letters\n");
  EXPECT_EQ(DeadTable({kLetter}, Now(), Terminal{}),
            "JOB  MODEL  CLASS       DIED  TRIES   SIZE  ERROR\n"
            "a1   echo   bulk   3 min ago      3  2 KiB  instance_lost: it was killed\n");
}

TEST(DeadText, TellsAllAndKeepsTheTerminal) {
  const std::string text = DeadText(kLetter, Now());
  EXPECT_THAT(text, HasSubstr("a1: instance_lost: it was killed\n"));
  EXPECT_THAT(text, HasSubstr("image/png"));
  EXPECT_THAT(text, HasSubstr("attempts that failed\n  first\n  second\n"));
  EXPECT_THAT(text, HasSubstr("the worker's last lines\n  about to fall [2J\n"));
}

TEST(DeadView, WhatOthersWroteDoesNoHarm) {
  const json odd = {{"id", "a"}, {"history", 7}, {"log", {1, nullptr}}, {"error", "no"}};
  DeadTable({odd}, Now(), Terminal{});
  EXPECT_EQ(DeadText(odd, Now()).substr(0, 2), "a:");
}

}  // namespace
}  // namespace darkroom
