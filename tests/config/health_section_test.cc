// SPDX-License-Identifier: Apache-2.0
//
// The section as it is read with the whole file, by LoadConfig.

#include "config/health_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class HealthSectionTest : public ConfigFileTest {
 protected:
  LoadedConfig Load(const std::string& section) { return LoadFile("health: {" + section + "}"); }
  std::string IssueOf(const std::string& section) {
    const LoadedConfig loaded = Load(section);
    return loaded.issues.size() == 1 ? loaded.issues[0].message : "not one issue";
  }
};

TEST_F(HealthSectionTest, HasDefaults) {
  const LoadedConfig loaded = Load("");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->health.probe_interval, seconds(30));
  EXPECT_EQ(loaded.config->health.probe_timeout, seconds(20));
  EXPECT_EQ(loaded.config->health.give_up, minutes(10));
}

TEST_F(HealthSectionTest, IsRead) {
  const LoadedConfig loaded = Load("probe_interval: 0ms, probe_timeout: 250ms, give_up: 0ms");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->health.probe_interval, milliseconds(0));
  EXPECT_EQ(loaded.config->health.probe_timeout, milliseconds(250));
  EXPECT_EQ(loaded.config->health.give_up, milliseconds(0));
}

TEST_F(HealthSectionTest, SaysWhatIsWrong) {
  EXPECT_THAT(IssueOf("probe_timeout: 0ms"), HasSubstr("probe_timeout must be more than 0ms"));
  EXPECT_THAT(IssueOf("probe_intervall: 1s"), HasSubstr("probe_interval"));
}

}  // namespace
}  // namespace darkroom
