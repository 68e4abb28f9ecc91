// SPDX-License-Identifier: Apache-2.0

#include "cli/job_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;

WallTime Now() { return *ParseTimestamp("2026-11-21T14:03:10.000Z"); }

json Failed() {
  return {{"id", "a1"},
          {"model", "echo"},
          {"class", "bulk"},
          {"state", "failed"},
          {"attempts", 3},
          {"submitted", "2026-11-21T14:00:00.000Z"},
          {"started", "2026-11-21T14:00:01.000Z"},
          {"finished", "2026-11-21T14:00:03.500Z"},
          {"host", "gpu-7"},
          {"history", {"full", "full again"}},
          {"error", {{"code", "resource_exhausted"}, {"message", "full\nat last"}}},
          {"receipt", {{"plugin", "echo 1.0.0"}, {"run_ms", 812.4}, {"params", {{"scale", 2}}}}},
          {"dead", true}};
}

TEST(JobTable, IsARowForEach) {
  EXPECT_EQ(JobTable({}, Now(), Terminal{}), "no jobs\n");
  const json running = {{"id", "b2"},
                        {"model", "echo"},
                        {"class", "normal"},
                        {"state", "running"},
                        {"progress", 0.25},
                        {"stage", "tile 4/16"},
                        {"started", "2026-11-21T14:03:00.000Z"}};
  EXPECT_EQ(JobTable({Failed(), running}, Now(), Terminal{}),
            "JOB  MODEL  CLASS   STATE    SUBMITTED    TOOK  TRIES  HOST   NOTE\n"
            "a1   echo   bulk    failed   3 min ago   2.5 s      3  gpu-7  full at last\n"
            "b2   echo   normal  running          -  10.0 s      0  -      25%, tile 4/16\n");
}

TEST(JobText, TellsAll) {
  const std::string text = JobText(Failed(), Now());
  EXPECT_THAT(text, HasSubstr("a1: failed\n"));
  EXPECT_THAT(text, HasSubstr("2026-11-21T14:00:00.000Z (3 min ago)"));
  EXPECT_THAT(text, HasSubstr("darkroom dead show a1"));
  EXPECT_THAT(text, HasSubstr("attempts that failed\n"));
  EXPECT_THAT(text, HasSubstr("full again"));
  EXPECT_THAT(text, HasSubstr("full at last"));  // one line, whatever the message has
  EXPECT_THAT(text, HasSubstr("812 ms"));
  EXPECT_THAT(text, HasSubstr(R"({"scale":2})"));
}

TEST(JobText, OneThatWaitsSaysWhatFor) {
  const json state = {{"id", "a"}, {"state", "queued"}, {"waits_for", {{"gpu-7", "loading"}}}};
  EXPECT_NE(JobText(state, Now()).find("waits for   loading on gpu-7"), std::string::npos)
      << JobText(state, Now());
}

TEST(JobNote, AJobThatWaitsAgainSaysWhy) {
  json state = Failed();
  state["state"] = "queued";
  state.erase("error");
  EXPECT_EQ(JobNote(state), "full again");
  EXPECT_EQ(JobLine({{"id", "a"}, {"model", "m"}, {"state", "queued"}}), "a  m  queued");
}

TEST(JobView, WhatOthersWroteDoesNoHarm) {
  const json odd = {{"id", 7},       {"state", json::array()},
                    {"tags", 1},     {"history", {1, nullptr}},
                    {"error", "no"}, {"receipt", {{"params", nullptr}}}};
  JobTable({odd, json::object()}, Now(), Terminal{});
  JobText(odd, Now());
  EXPECT_EQ(JobNote(odd), "");
}

}  // namespace
}  // namespace darkroom
