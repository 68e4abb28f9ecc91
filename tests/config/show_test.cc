// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

class ShowIssueTest : public ConfigFileTest {
 protected:
  // Of the one issue that the file has, without the folder.
  std::string Show(const std::string& yaml) {
    const LoadedConfig loaded = LoadFile(yaml);
    EXPECT_EQ(loaded.issues.size(), 1U);
    return loaded.issues.empty() ? ""
                                 : ShowIssue(loaded.issues[0]).substr(folder_.string().size() + 1);
  }
};

TEST_F(ShowIssueTest, HasTheLineAndAMarkBelowTheColumn) {
  EXPECT_EQ(Show("limits:\n  queued: many\n"),
            "darkroom.yaml:2:11: limits.queued: must be a whole number from 1 to 10000000, not "
            "'many'\n"
            "     2 |   queued: many\n"
            "       |           ^\n");
}

TEST_F(ShowIssueTest, SecretsOfTheLineAreHidden) {
  EXPECT_EQ(Show("nats: {url: 'nats://ada:hunter2@a:4222', urll: b}\n"),
            "darkroom.yaml:1:42: unknown key 'nats.urll' (did you mean 'url'?)\n"
            "     1 | nats: {url: 'nats://***@a:4222', urll: b}\n");
  EXPECT_EQ(Show("nats: {token: hunter2}\n"),
            "darkroom.yaml:1:8: unknown key 'nats.token' (did you mean 'token_file'?)\n"
            "     1 | nats: {token: ***}\n");
}

TEST_F(ShowIssueTest, AWordThatIsNearIsSuggested) {
  EXPECT_THAT(Show("log: {level: warn}\n"), testing::HasSubstr("(did you mean 'warning'?)"));
  EXPECT_THAT(Show("jobs: {enabled: yes}\n"), testing::HasSubstr("(did you mean 'true'?)"));
  EXPECT_THAT(Show("drain_timeout: 30 sec\n"), testing::HasSubstr("(did you mean '30s'?)"));
  EXPECT_THAT(Show("devices: [{device: gpu1}]\n"), testing::HasSubstr("did you mean 'cuda:1'?"));
}

}  // namespace
}  // namespace darkroom
