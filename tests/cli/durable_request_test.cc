// SPDX-License-Identifier: Apache-2.0

#include "cli/durable_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;

const DurableNames kNames("darkroom");

TEST(MakeDurable, TheIdIsTheServersToo) {
  RequestParts parts;
  parts.subject = "darkroom.run.echo";
  parts.job = "a1";
  parts.inputs.push_back({"", false, "", "hello"});
  Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  const DurableParts durable{"a1", "echo", "bulk", "answers", {{"album", "42"}, {"owner", "me"}}};
  const Outgoing job = MakeDurable(*std::move(request), durable, kNames);
  EXPECT_EQ(job.subject, "darkroom.jobs.bulk.echo");
  EXPECT_EQ(job.body, "hello");
  EXPECT_THAT(job.headers, Contains(Pair("Nats-Msg-Id", "a1")));
  EXPECT_THAT(job.headers, Contains(Pair("Darkroom-Reply-To", "answers")));
  EXPECT_THAT(job.headers, Contains(Pair("Darkroom-Tags", "album=42, owner=me")));
  EXPECT_THAT(job.headers, Not(Contains(Key("Darkroom-Job"))));
}

TEST(CopyOfJob, LeavesOutWhatOthersAdded) {
  const HeaderList headers = {{"Content-Type", "image/png"},
                              {"Darkroom-Params", R"({"scale": 2})"},
                              {"Darkroom-Object", "nats-object://darkroom-objects/4be1"},
                              {"Darkroom-Tags", "album=42"},
                              {"Nats-Msg-Id", "a1"},
                              {"Nats-Sequence", "7"},
                              {"Darkroom-Class", "bulk"},
                              {"Darkroom-Dead-Letter", "{}"}};
  const Outgoing job =
      CopyOfJob(headers, "body", {"a1-r1", "echo", "bulk", {}, {{"album", "42"}}}, "a1", kNames);
  EXPECT_EQ(job.subject, "darkroom.jobs.bulk.echo");
  EXPECT_EQ(job.body, "body");
  EXPECT_THAT(job.headers,
              testing::UnorderedElementsAre(
                  Pair("Content-Type", "image/png"), Pair("Darkroom-Params", R"({"scale": 2})"),
                  Pair("Darkroom-Object", "nats-object://darkroom-objects/4be1"),
                  Pair("Darkroom-Tags", "album=42"), Pair("Nats-Msg-Id", "a1-r1"),
                  Pair("Darkroom-Retry-Of", "a1")));
}

TEST(CheckTags, TakesWhatOneHeaderCanSay) {
  const Result<Tags> tags = CheckTags({"album=42", "note=a b"});
  ASSERT_TRUE(tags.ok());
  EXPECT_EQ(*tags, (Tags{{"album", "42"}, {"note", "a b"}}));
  for (const char* text : {"album", "=42", "a=1,b=2", "a=1\r\nX: y"}) {
    EXPECT_FALSE(CheckTags({text}).ok()) << text;
  }
  std::vector<std::string> many;
  for (int i = 0; i < 17; ++i) many.push_back("t" + std::to_string(i) + "=1");
  EXPECT_FALSE(CheckTags(many).ok());
}

TEST(RetryName, CountsOnFromTheFirst) {
  EXPECT_EQ(RetryId("album-42", 1), "album-42-r1");
  EXPECT_EQ(ParseRetryName("album-42-r1").base, "album-42");
  EXPECT_EQ(ParseRetryName("album-42-r12").number, 12U);
  for (const char* id : {"album-42", "-r1", "a-r", "a-r0", "a-r01", "a-rx", "a-r123456"}) {
    EXPECT_EQ(ParseRetryName(id).number, 0U) << id;
    EXPECT_EQ(ParseRetryName(id).base, id);
  }
  EXPECT_EQ(RetryId(std::string(62, 'a'), 1), "");
}

TEST(CheckClass, KnowsThree) {
  for (const char* name : {"interactive", "normal", "bulk"}) EXPECT_TRUE(CheckClass(name).ok());
  for (const char* name : {"", "Bulk", "urgent", "*"}) EXPECT_FALSE(CheckClass(name).ok()) << name;
}

}  // namespace
}  // namespace darkroom
