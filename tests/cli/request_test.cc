// SPDX-License-Identifier: Apache-2.0

#include "cli/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::Key;
using testing::Not;
using testing::Pair;

RequestParts Parts() {
  RequestParts parts;
  parts.subject = "darkroom.run.echo";
  parts.job = "job-1";
  return parts;
}

TEST(BuildRequest, OneUnnamedInputTravelsAsItIs) {
  RequestParts parts = Parts();
  parts.inputs.push_back({"", false, "photo.jpg", "\xff\xd8\xff..."});
  const Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->subject, "darkroom.run.echo");
  EXPECT_EQ(request->body, "\xff\xd8\xff...");
  EXPECT_THAT(request->headers,
              ElementsAre(Pair("Content-Type", "image/jpeg"), Pair("Darkroom-Job", "job-1")));
}

TEST(BuildRequest, ParamsBesideARawBodyAreAnAsciiHeader) {
  RequestParts parts = Parts();
  parts.inputs.push_back({"", false, "", "x"});
  parts.params = {{"prompt", "Bär\r\nX: y"}, {"scale", 2}};
  const Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  EXPECT_THAT(request->headers,
              Contains(Pair("Darkroom-Params", R"({"prompt":"B\u00e4r\r\nX: y","scale":2})")));
}

TEST(BuildRequest, IsPartOfATrace) {
  RequestParts parts = Parts();
  parts.inputs.push_back({"", false, "", "x"});
  setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 1);
  setenv("TRACESTATE", "congo=t61", 1);
  parts.trace = TraceFromEnvironment();
  setenv("TRACEPARENT", "nonsense\r\nX: y", 1);
  EXPECT_FALSE(TraceFromEnvironment());
  unsetenv("TRACEPARENT");
  EXPECT_FALSE(TraceFromEnvironment());
  unsetenv("TRACESTATE");
  const Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  EXPECT_THAT(
      request->headers,
      Contains(Pair("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")));
  EXPECT_THAT(request->headers, Contains(Pair("tracestate", "congo=t61")));
}

TEST(BuildRequest, WishesBecomeHeaders) {
  RequestParts parts = Parts();
  parts.inputs.push_back({"", false, "", "x"});
  parts.accept = "image/webp";
  parts.deadline = std::chrono::seconds(30);
  parts.progress = true;
  const Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  EXPECT_THAT(request->headers, Contains(Pair("Accept", "image/webp")));
  EXPECT_THAT(request->headers, Contains(Pair("Darkroom-Deadline", "30000ms")));
  EXPECT_THAT(request->headers, Contains(Pair("Darkroom-Progress", "1")));
}

TEST(BuildRequest, SeveralInputsAreOneCborObjectWithBytesAsBytes) {
  RequestParts parts = Parts();
  parts.first_name = "image";
  parts.inputs.push_back({"", false, "a.png", std::string("\0\xff", 2)});
  parts.inputs.push_back({"prompt", true, "", "a red cat"});
  parts.params = {{"scale", 2}};
  const Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  EXPECT_THAT(request->headers, Contains(Pair("Content-Type", "application/cbor")));
  EXPECT_THAT(request->headers, Not(Contains(Key("Darkroom-Params"))));
  const Result<json> body = ParseCbor(AsBytes(request->body));
  ASSERT_TRUE(body.ok()) << body.status().ToString();
  EXPECT_EQ(body->at("params"), (json{{"scale", 2}}));
  EXPECT_EQ(body->at("inputs").at("prompt"), "a red cat");
  EXPECT_EQ(body->at("inputs").at("image"), json::binary({0x00, 0xff}));
}

TEST(BuildRequest, OneNamedInputIsNotTakenForTheFirst) {
  RequestParts parts = Parts();
  parts.inputs.push_back({"mask", false, "", "x"});
  const Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  const Result<json> body = ParseCbor(AsBytes(request->body));
  ASSERT_TRUE(body.ok());
  EXPECT_TRUE(body->at("inputs").contains("mask"));
}

TEST(BuildRequest, NoInputIsAnObjectNotAnEmptyBody) {
  RequestParts parts = Parts();
  parts.params = {{"prompt", "a red cat"}};
  const Result<Outgoing> request = BuildRequest(std::move(parts));
  ASSERT_TRUE(request.ok());
  const Result<json> body = ParseCbor(AsBytes(request->body));
  ASSERT_TRUE(body.ok());
  EXPECT_EQ(*body, (json{{"params", {{"prompt", "a red cat"}}}, {"inputs", json::object()}}));
}

TEST(NeedsFirstName, OnlyWhereAnUnnamedInputHasCompany) {
  const InputArgument unnamed{"", InputArgument::Source::kFile, "a"};
  const InputArgument named{"mask", InputArgument::Source::kFile, "b"};
  EXPECT_FALSE(NeedsFirstName({}));
  EXPECT_FALSE(NeedsFirstName({unnamed}));
  EXPECT_FALSE(NeedsFirstName({named, {"x", InputArgument::Source::kText, ""}}));
  EXPECT_TRUE(NeedsFirstName({named, unnamed}));
}

TEST(MakeJobId, IsATokenAndNeverTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const Result<std::string> id = MakeJobId();
    ASSERT_TRUE(id.ok());
    EXPECT_TRUE(IsJobId(*id)) << *id;
    EXPECT_EQ(id->size(), 20U);
    ids.insert(*id);
  }
  EXPECT_EQ(ids.size(), 1000U);
}

TEST(Tokens, KeepWildcardsAndDotsOut) {
  EXPECT_TRUE(IsToken("photo-enhance_2"));
  for (const char* text : {"", "a.b", "*", ">", "a b", "ä"}) EXPECT_FALSE(IsToken(text)) << text;
  EXPECT_FALSE(IsJobId(std::string(65, 'a')));
  EXPECT_TRUE(IsConcreteSubject("photos.in.new"));
  for (const char* text : {"", "a..b", ".a", "a.", "a.*", "a.>", "a b", "a\r\nPUB"}) {
    EXPECT_FALSE(IsConcreteSubject(text)) << text;
  }
}

}  // namespace
}  // namespace darkroom
