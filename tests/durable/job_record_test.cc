// SPDX-License-Identifier: Apache-2.0

#include "durable/job_record.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <random>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr std::array kAll = {JobState::kQueued, JobState::kRunning,   JobState::kSucceeded,
                             JobState::kFailed, JobState::kCancelled, JobState::kExpired};

JobRecord Sample() {
  JobRecord record;
  record.id = "a1";
  record.model = "echo";
  record.job_class = "bulk";
  record.state = JobState::kFailed;
  record.attempts = 2;
  record.submitted = JobRecord::Time(std::chrono::milliseconds(1'763'733'600'100));
  record.started = record.submitted + std::chrono::milliseconds(1);
  record.finished = record.submitted + std::chrono::seconds(2);
  record.host = "gpu-7";
  record.device = "cpu";
  record.history = {"its worker was killed by SIGSEGV"};
  record.error = Status(Code::kInstanceLost, "lost", "look");
  record.result = "darkroom.results.echo.a1";
  record.tags = {{"album", "42"}};
  record.progress = 0.25;
  record.stage = "tile 1/4";
  record.receipt = {{"device", "cpu"}, {"seed", 7}};
  record.dead = true;
  return record;
}

TEST(JobRecord, IsReadAsItWasWritten) {
  const auto document = Sample().ToJson();
  const auto read = JobRecord::FromJson(document);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->ToJson(), document);
  EXPECT_EQ(read->submitted, Sample().submitted);
  EXPECT_EQ(read->error.ToString(), Sample().error.ToString());
}

TEST(JobRecord, IsWrittenForPeopleToo) {
  JobRecord record = Sample();
  EXPECT_EQ(record.ToJson()["submitted"], "2025-11-21T14:00:00.100Z");
  EXPECT_EQ(record.ToJson()["state"], "failed");
  record = JobRecord();
  record.id = "b";
  EXPECT_EQ(record.ToJson().dump(),
            R"({"attempts":0,"class":"","id":"b","model":"","state":"queued","submitted":""})");
}

TEST(JobRecord, WhatIsNoRecordIsRefused) {
  const auto sample = Sample().ToJson();
  for (const auto& [key, value] : sample.items()) {
    auto wrong = sample;
    wrong[key] = value.is_number() ? nlohmann::json("x") : nlohmann::json(7);
    EXPECT_FALSE(JobRecord::FromJson(wrong).ok()) << key;
  }
  for (const char* key : {"submitted", "started", "finished"}) {
    for (const char* text : {"now", "2025-11-21T14:00:00Z", "2025-11-21T14:00:00.1Z",
                             "2025-11-21T14:00:00.100", "2025-11-21T14:00:00.100Zx"}) {
      auto wrong = sample;
      wrong[key] = text;
      EXPECT_FALSE(JobRecord::FromJson(wrong).ok()) << key << " " << text;
    }
  }
  auto wrong = sample;
  wrong["state"] = "sleeping";
  EXPECT_FALSE(JobRecord::FromJson(wrong).ok());
  wrong = sample;
  wrong["error"]["code"] = "nonsense";
  EXPECT_FALSE(JobRecord::FromJson(wrong).ok());
  EXPECT_FALSE(JobRecord::FromJson(nlohmann::json::array()).ok());
  EXPECT_FALSE(JobRecord::FromJson(nullptr).ok());
}

// Whatever is asked of it in whatever order, it enters one terminal state at most, and stays.
TEST(JobRecord, ATerminalStateIsNeverLeft) {
  std::mt19937 random(1);
  for (int run = 0; run < 2000; ++run) {
    JobRecord record;
    int ends = 0;
    JobState end{};
    for (int step = 0; step < 20; ++step) {
      const JobState to = kAll[random() % kAll.size()];
      const bool before = record.ended();
      const bool moved = record.Move(to);
      EXPECT_EQ(moved, !before);
      if (moved && IsTerminal(to)) {
        ++ends;
        end = to;
      }
      if (ends > 0) {
        EXPECT_EQ(record.state, end);
      }
    }
    EXPECT_LE(ends, 1);
  }
}

TEST(Tags, AreReadFromAHeader) {
  EXPECT_THAT(*ParseTags("album=42, owner = me,x=a=b"),
              ElementsAre(Pair("album", "42"), Pair("owner", "me"), Pair("x", "a=b")));
  EXPECT_THAT(*ParseTags(""), IsEmpty());
  EXPECT_THAT(*ParseTags("a="), ElementsAre(Pair("a", "")));
}

TEST(Tags, AreRefusedInWords) {
  EXPECT_THAT(ParseTags("album").status().message(), HasSubstr("'album' is no tag"));
  EXPECT_FALSE(ParseTags("=1").ok());
  EXPECT_FALSE(ParseTags("a=1,,b=2").ok());
  EXPECT_FALSE(ParseTags("a=" + std::string(300, 'x')).ok());
  std::string many;
  for (int i = 0; i < 17; ++i) many += (i == 0 ? "" : ",") + std::to_string(i) + "=x";
  EXPECT_THAT(ParseTags(many).status().message(), HasSubstr("at most 16"));
}

}  // namespace
}  // namespace darkroom
