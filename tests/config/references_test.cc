// SPDX-License-Identifier: Apache-2.0

#include "config/references.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

class ReferencesTest : public ConfigFileTest {
 protected:
  ReferencesTest() {
    setenv("DARKROOM_TEST_SECRET", "hunter2", 1);
    setenv("DARKROOM_TEST_FOLDER", "/run/creds", 1);
    setenv("DARKROOM_TEST_NUMBER", "7", 1);
    unsetenv("CREDENTIALS_DIRECTORY");
  }
};

TEST_F(ReferencesTest, StandForTheEnvironment) {
  const Config config = ReadFile(R"(
state_dir: ${DARKROOM_TEST_FOLDER}/state
nats: {url: ["nats://u:${DARKROOM_TEST_SECRET}@a:4222", "nats://b"]}
limits: {queued: "${DARKROOM_TEST_NUMBER}"}
models:
  a:
    plugin: echo
    options:
      plain: ${DARKROOM_TEST_NUMBER}
      quoted: "${DARKROOM_TEST_NUMBER}"
      not: "$${HOME} $5"
)");
  EXPECT_EQ(config.state_dir, "/run/creds/state");
  EXPECT_THAT(config.nats.urls, ElementsAre("nats://u:hunter2@a:4222", "nats://b"));
  EXPECT_EQ(config.limits.queued, 7U);
  EXPECT_EQ(config.models[0].options,
            nlohmann::json::parse(R"({"plain": 7, "quoted": "7", "not": "${HOME} $5"})"));
}

TEST_F(ReferencesTest, AreRememberedAsTheyAreWritten) {
  const LoadedConfig loaded =
      LoadFile("nats: {url: ['nats://${DARKROOM_TEST_SECRET}@a']}\nstate_dir: /a\n");
  EXPECT_THAT(loaded.references,
              ElementsAre(Pair("/nats/url/0", "nats://${DARKROOM_TEST_SECRET}@a")));
}

TEST_F(ReferencesTest, WhatIsNotSetIsAnIssueEachTime) {
  EXPECT_THAT(
      IssuesOf("state_dir: ${DARKROOM_TEST_FOLDR}/a\n"
               "torch_dir: ${CREDENTIALS_DIRECTORY}/b\n"
               "host_name: ${un closed\n"
               "nats: {prefix: '${1A}'}\n"),
      ElementsAre(
          "darkroom.yaml:1:12: ${DARKROOM_TEST_FOLDR}: this environment variable is not set (did "
          "you mean 'DARKROOM_TEST_FOLDER'?)",
          AllOf(HasSubstr("darkroom.yaml:2:12: ${CREDENTIALS_DIRECTORY} is not set"),
                HasSubstr("LoadCredential=")),
          HasSubstr("darkroom.yaml:3:12: '${un closed' has no reference"),
          HasSubstr("darkroom.yaml:4:16: '${1A}' has no reference")));
}

TEST_F(ReferencesTest, WhatTheyStandForIsInNoMessage) {
  const auto issues = IssuesOf(
      "drain_timeout: ${DARKROOM_TEST_SECRET}\n"
      "limits: {queued: '${DARKROOM_TEST_SECRET}'}\n"
      "log: {level: '${DARKROOM_TEST_SECRET}'}\n"
      "plugins: {digests: ['${DARKROOM_TEST_SECRET}']}\n"
      "devices: [{device: sim:0, memory: '${DARKROOM_TEST_SECRET}%', speed: "
      "'${DARKROOM_TEST_SECRET}'}]\n"
      "scheduling: {tenant: '${DARKROOM_TEST_SECRET}'}\n");
  EXPECT_EQ(issues.size(), 7U);
  for (const std::string& issue : issues) {
    EXPECT_THAT(issue, Not(HasSubstr("hunter2")));
    EXPECT_THAT(issue, HasSubstr("${DARKROOM_TEST_SECRET}"));
  }
}

}  // namespace
}  // namespace darkroom
