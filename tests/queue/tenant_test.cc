// SPDX-License-Identifier: Apache-2.0

#include "queue/tenant.h"

#include <gtest/gtest.h>

#include "queue/tenant_name.h"
#include "tests/message/messages.h"

namespace darkroom {
namespace {

TEST(TenantTable, KnowsATenantAgainAndItsWeight) {
  TenantTable table({{"gold", 4}});
  const auto gold = table.For("gold");
  EXPECT_EQ(gold->weight, 4);
  EXPECT_EQ(table.For("gold"), gold);
  EXPECT_EQ(table.For("other")->weight, 1);
}

TEST(TenantTable, ForgetsThoseWithoutJobsAndNoOthers) {
  TenantTable table;
  const auto kept = table.For("kept");
  kept->served[0] = 7;
  for (int i = 0; i < 5000; ++i) table.For("t" + std::to_string(i))->served[0] = 1;
  EXPECT_EQ(table.For("kept"), kept);
  EXPECT_EQ(table.For("t0")->served[0], 0);
}

TEST(TenantName, IsByTheRule) {
  TenantRule rule;
  const auto name = [&rule](const std::vector<std::pair<std::string, std::string>>& headers) {
    return TenantName(rule, MakeMessage("", headers));
  };
  EXPECT_EQ(name({{"Darkroom-Tenant", "acme"}}), "acme");
  EXPECT_EQ(name({}), "");
  EXPECT_EQ(name({{"Darkroom-Tenant", std::string(100, 'x')}}), std::string(64, 'x'));
  rule.header = "Team";
  EXPECT_EQ(name({{"Darkroom-Tenant", "acme"}, {"Team", "search"}}), "search");

  rule.by = TenantRule::By::kNone;
  EXPECT_EQ(name({{"Team", "search"}}), "");

  rule.by = TenantRule::By::kAccount;
  EXPECT_EQ(name({{"Nats-Request-Info", R"({"acc":"ACME","rtt":1})"}}), "ACME");
  for (const char* wrong : {"", "{", "[]", R"({"acc":1})", R"({"rtt":1})"}) {
    EXPECT_EQ(name({{"Nats-Request-Info", wrong}}), "") << wrong;
  }

  rule.by = TenantRule::By::kSubject;
  const std::string subject(MakeMessage("", {}).subject());
  rule.token = 1;
  EXPECT_EQ(name({}), subject.substr(0, subject.find('.')));
  rule.token = 2;
  EXPECT_NE(subject.find("." + name({})), std::string::npos);
  rule.token = 40;
  EXPECT_EQ(name({}), "");
}

}  // namespace
}  // namespace darkroom
