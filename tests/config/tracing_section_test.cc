// SPDX-License-Identifier: Apache-2.0
//
// The section as it is read with the whole file, by LoadConfig.

#include "config/tracing_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class TracingSectionTest : public ConfigFileTest {
 protected:
  LoadedConfig Load(const std::string& section) { return LoadFile("tracing: {" + section + "}"); }
  std::string IssueOf(const std::string& section) {
    const LoadedConfig loaded = Load(section);
    return loaded.issues.size() == 1 ? loaded.issues[0].message : "not one issue";
  }
  // host, port and path of an endpoint.
  std::string PartsOf(const std::string& url) {
    const LoadedConfig loaded = Load("endpoint: '" + url + "'");
    if (!loaded.config) return loaded.issues[0].message;
    const TracingConfig& tracing = loaded.config->tracing;
    return tracing.host + " " + tracing.port + " " + tracing.path;
  }
};

TEST_F(TracingSectionTest, IsOffByDefault) {
  const LoadedConfig loaded = Load("");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->tracing.endpoint, "");
  EXPECT_EQ(loaded.config->tracing.ratio, 1);
  EXPECT_EQ(loaded.config->tracing.timeout, seconds(10));
}

TEST_F(TracingSectionTest, IsRead) {
  const LoadedConfig loaded =
      Load("endpoint: 'http://a:4318', ratio: 0.25, headers_file: h, queue: 100, timeout: 250ms");
  ASSERT_TRUE(loaded.config);
  const TracingConfig& tracing = loaded.config->tracing;
  EXPECT_EQ(tracing.endpoint, "http://a:4318");
  EXPECT_EQ(tracing.ratio, 0.25);
  EXPECT_THAT(tracing.headers_file, AllOf(EndsWith("/h"), Not(testing::StartsWith("h"))));
  EXPECT_EQ(tracing.queue, 100);
  EXPECT_EQ(tracing.timeout, milliseconds(250));
}

TEST_F(TracingSectionTest, TakesTheEndpointApart) {
  EXPECT_EQ(PartsOf("http://collector:4318"), "collector 4318 /v1/traces");
  EXPECT_EQ(PartsOf("http://collector:4318/"), "collector 4318 /v1/traces");
  EXPECT_EQ(PartsOf("http://127.0.0.1"), "127.0.0.1 80 /v1/traces");
  EXPECT_EQ(PartsOf("http://a:1/otlp"), "a 1 /otlp/v1/traces");
  EXPECT_EQ(PartsOf("http://a:1/otlp/v1/traces"), "a 1 /otlp/v1/traces");
  EXPECT_EQ(PartsOf("http://[::1]:4318"), "::1 4318 /v1/traces");
  EXPECT_EQ(PartsOf("http://[fe80::2]/x/"), "fe80::2 80 /x/v1/traces");
}

TEST_F(TracingSectionTest, SaysWhatIsWrong) {
  EXPECT_THAT(PartsOf("https://a"), HasSubstr("does not speak TLS"));
  EXPECT_THAT(PartsOf("a:4318"), HasSubstr("must begin with http://"));
  EXPECT_THAT(PartsOf("http://u:hunter2@a:1"),
              AllOf(HasSubstr("headers_file"), Not(HasSubstr("hunter2"))));
  for (const char* port : {"0", "65536", "x", "", "-1"}) {
    EXPECT_THAT(PartsOf(std::string("http://a:") + port), HasSubstr("port")) << port;
  }
  for (const char* url : {"http://", "http:///x", "http://a b", "http://a/x y", "http://a?q=1"}) {
    EXPECT_THAT(PartsOf(url), HasSubstr("must be a URL")) << url;
  }
  for (const char* ratio : {"-0.1", "1.1", "nan", "half", "1%"}) {
    EXPECT_THAT(IssueOf(std::string("ratio: ") + ratio), HasSubstr("must be a number from 0 to 1"));
  }
  EXPECT_THAT(IssueOf("queue: 99"), HasSubstr("from 100 to"));
  EXPECT_THAT(IssueOf("timeout: 0ms"), HasSubstr("tracing.timeout must be more than 0ms"));
  EXPECT_THAT(IssueOf("endpiont: 'http://a'"), HasSubstr("endpoint"));
}

}  // namespace
}  // namespace darkroom
