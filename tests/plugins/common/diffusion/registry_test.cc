// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/diffusion/scheduler.h"
#include "tests/plugins/common/diffusion/error_of.h"

namespace darkroom::diffusion {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

JsonConfig File(const std::string& fields) {
  return JsonConfig::Parse(
      R"({"_class_name": "DPMSolverMultistepScheduler", "skip_prk_steps": true)" + fields + "}",
      "s.json");
}

TEST(RegistryTest, EveryNameMakesAScheduler) {
  for (const std::string& name : SchedulerNames())
    EXPECT_GE(MakeScheduler(NamedScheduler(File(""), name), {.steps = 4})->timesteps().size(), 4)
        << name;
  EXPECT_THAT(SchedulerNames(), Contains("dpmpp_2m_sde_karras"));
}

TEST(RegistryTest, ANameOverridesTheFolder) {
  const JsonConfig file = File(
      R"(, "use_beta_sigmas": true, "solver_order": 3, "algorithm_type": "sde-dpmsolver++",
          "timestep_spacing": "leading")");
  EXPECT_TRUE(NamedScheduler(file, "default").use_beta_sigmas);
  EXPECT_EQ(NamedScheduler(file, "unipc").solver_order, 3);
  const SchedulerConfig config = NamedScheduler(file, "dpmpp_2m_karras");
  EXPECT_TRUE(config.use_karras_sigmas);
  EXPECT_FALSE(config.use_beta_sigmas);
  EXPECT_FALSE(config.stochastic);
  EXPECT_EQ(config.solver_order, 2);
  EXPECT_EQ(config.timestep_spacing, Spacing::kLeading);
  EXPECT_EQ(NamedScheduler(file, "turbo").timestep_spacing, Spacing::kTrailing);
}

TEST(RegistryTest, OtherNamesAreRefusedWithTheList) {
  for (const std::string name : {"", "eule", "euler_", "euler_a_karras", "lcm_karras", "Euler"})
    EXPECT_THAT(ErrorOf(DR_INVALID_ARGUMENT, [&] { NamedScheduler(File(""), name); }),
                AllOf(HasSubstr("\"" + name + "\""), HasSubstr("default, euler, euler_karras")));
}

}  // namespace
}  // namespace darkroom::diffusion
