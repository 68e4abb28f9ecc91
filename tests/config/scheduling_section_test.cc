// SPDX-License-Identifier: Apache-2.0
//
// The section as it is read with the whole file, by LoadConfig.

#include "config/scheduling_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class SchedulingSectionTest : public ConfigFileTest {
 protected:
  static std::string File(const std::string& section) { return "scheduling: {" + section + "}"; }
  SchedulingConfig Read(const std::string& section) { return ReadFile(File(section)).scheduling; }
  std::vector<std::string> Issues(const std::string& section) { return IssuesOf(File(section)); }
};

TEST_F(SchedulingSectionTest, IsAllDefaultsWhenItIsEmpty) {
  const SchedulingConfig scheduling = Read("");
  EXPECT_EQ(scheduling.floor, 0.05);
  EXPECT_EQ(scheduling.patience, std::chrono::seconds(10));
  EXPECT_EQ(scheduling.tenant.by, TenantRule::By::kHeader);
  EXPECT_EQ(scheduling.tenant.header, "Darkroom-Tenant");
  EXPECT_THAT(scheduling.weights, IsEmpty());
}

TEST_F(SchedulingSectionTest, ReadsAllKeys) {
  const SchedulingConfig scheduling =
      Read("floor_percent: 10, patience: 30s, tenant: 'header:Team', weights: {gold: 3, free: 1}");
  EXPECT_EQ(scheduling.floor, 0.1);
  EXPECT_EQ(scheduling.patience, std::chrono::seconds(30));
  EXPECT_EQ(scheduling.tenant.header, "Team");
  EXPECT_THAT(scheduling.weights, ElementsAre(Pair("free", 1), Pair("gold", 3)));
}

TEST_F(SchedulingSectionTest, KnowsWhoseAJobMayBe) {
  const TenantRule subject = Read("tenant: 'subject:2'").tenant;
  EXPECT_EQ(subject.by, TenantRule::By::kSubject);
  EXPECT_EQ(subject.token, 2U);
  EXPECT_EQ(Read("tenant: account").tenant.by, TenantRule::By::kAccount);
  EXPECT_EQ(Read("tenant: none").tenant.by, TenantRule::By::kNone);
  for (const char* wrong : {"nobody", "subject:0", "subject:x", "subject:", "header:"}) {
    EXPECT_THAT(Issues(std::string("tenant: '") + wrong + "'"),
                ElementsAre(std::string("darkroom.yaml:1:22: scheduling.tenant '") + wrong +
                            "' is none of header:NAME, subject:NUMBER, account and none"));
  }
}

TEST_F(SchedulingSectionTest, SaysWhatIsWrong) {
  EXPECT_THAT(Issues("weights: {gold: 0, free: many}"),
              ElementsAre("darkroom.yaml:1:30: the weight of 'gold' must be from 1 to 1000",
                          "darkroom.yaml:1:39: the weight of 'free' must be from 1 to 1000"));
  EXPECT_THAT(
      Issues("weights: 3"),
      ElementsAre(
          "darkroom.yaml:1:23: scheduling.weights must be a map from a tenant to its weight"));
  EXPECT_EQ(Issues("floor_percent: 31").size(), 1U);
}

}  // namespace
}  // namespace darkroom
