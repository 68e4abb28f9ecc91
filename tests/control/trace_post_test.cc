// SPDX-License-Identifier: Apache-2.0
//
// What goes over a socket is tried end to end, by tests/e2e/test_tracing.py.

#include "control/trace_post.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

TEST(TracePostTest, ReadsHeaders) {
  const auto headers = ParseHeaders(
      "Authorization: Bearer a:b c\r\n\n# a comment\n  X-Tenant:  7  \nEmpty:\nLast: x");
  ASSERT_TRUE(headers.ok());
  EXPECT_THAT(*headers, ElementsAre(Pair("Authorization", "Bearer a:b c"), Pair("X-Tenant", "7"),
                                    Pair("Empty", ""), Pair("Last", "x")));
}

TEST(TracePostTest, SaysWhichLineIsNoHeaderAndNotWhatIsThere) {
  for (const std::string wrong : {"hunter2", ": hunter2", "a b: hunter2",
                                  "X: hunt\x01"
                                  "er2"}) {
    const auto headers = ParseHeaders("Good: 1\n" + wrong + "\n");
    ASSERT_FALSE(headers.ok()) << wrong;
    EXPECT_THAT(headers.status().ToString(), HasSubstr("line 2"));
    EXPECT_THAT(headers.status().ToString(), Not(HasSubstr("hunt")));
  }
}

TEST(TracePostTest, KnowsWhatMayBeTakenLater) {
  const auto again = [](unsigned status) { return PostAnswer{status, "", ""}.again(); };
  for (const unsigned status : {0U, 429U, 502U, 503U, 504U}) EXPECT_TRUE(again(status)) << status;
  for (const unsigned status : {200U, 301U, 400U, 401U, 403U, 404U, 413U, 500U, 501U}) {
    EXPECT_FALSE(again(status)) << status;
  }
}

TEST(TracePostTest, NobodyThereIsNoAnswer) {
  TracingConfig config;
  config.host = "127.0.0.1";
  config.port = "1";
  config.path = "/v1/traces";
  const PostAnswer answer = PostSpans(config, "{}", std::chrono::seconds(10));
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.error, Not(""));
  EXPECT_TRUE(answer.again());
  config.headers_file = "/nonsuch";
  EXPECT_THAT(PostSpans(config, "{}", std::chrono::seconds(10)).error,
              HasSubstr("tracing.headers_file '/nonsuch' cannot be read"));
}

}  // namespace
}  // namespace darkroom
