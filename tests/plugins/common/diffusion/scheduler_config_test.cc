// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/scheduler_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/plugins/common/diffusion/error_of.h"

namespace darkroom::diffusion {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using enum SchedulerKind;

SchedulerConfig Read(const std::string& fields, SchedulerKind kind) {
  return ReadSchedulerConfig(JsonConfig::Parse("{" + fields + "}", "s.json"), kind);
}

std::string Refusal(const std::string& fields, SchedulerKind kind) {
  return ErrorOf(DR_FAILED_PRECONDITION, [&] { CheckSchedulerConfig(Read(fields, kind)); });
}

TEST(SchedulerConfigTest, DefaultsAreThoseOfEachClass) {
  EXPECT_EQ(Read("", kEuler).beta_end, 0.02);
  EXPECT_EQ(Read("", kEuler).timestep_spacing, Spacing::kLinspace);
  EXPECT_EQ(Read("", kHeun).beta_end, 0.012);
  EXPECT_EQ(Read("", kHeun).beta_schedule, "linear");
  EXPECT_EQ(Read("", kLcm).beta_schedule, "scaled_linear");
  EXPECT_EQ(Read("", kDdim).timestep_spacing, Spacing::kLeading);
  EXPECT_TRUE(Read("", kDdim).clip_sample);
  EXPECT_FALSE(Read("", kHeun).clip_sample);
  EXPECT_FALSE(Read(R"("skip_prk_steps": true)", kPndm).set_alpha_to_one);
  EXPECT_TRUE(Read("", kDdim).set_alpha_to_one);
  EXPECT_TRUE(Read("", kDpmMultistep).lower_order_final);
  EXPECT_FALSE(Read("", kDpmSinglestep).lower_order_final);
  EXPECT_EQ(Read("", kUniPc).solver_type, SolverType::kBh2);
}

TEST(SchedulerConfigTest, FieldsOfOtherClassesAreLeftAside) {
  const std::string fields =
      R"("thresholding": true, "skip_prk_steps": false, "use_flow_sigmas": true, "clip_sample": 3)";
  EXPECT_EQ(Refusal(fields, kEuler), "no error");
  EXPECT_EQ(Read(R"("rescale_betas_zero_snr": true)", kHeun).rescale_betas_zero_snr, false);
  EXPECT_EQ(Read(R"("timestep_spacing": "none")", kLcm).timestep_spacing, Spacing::kLinspace);
}

TEST(SchedulerConfigTest, TypesOfOtherSolversAreTheDefault) {
  EXPECT_EQ(Read(R"("solver_type": "bh2")", kDpmMultistep).solver_type, SolverType::kMidpoint);
  EXPECT_EQ(Read(R"("solver_type": "midpoint")", kUniPc).solver_type, SolverType::kBh2);
  EXPECT_FALSE(Read(R"("algorithm_type": "deis")", kDpmMultistep).stochastic);
}

TEST(SchedulerConfigTest, PythonsInfinityIsNoBound) {
  EXPECT_LT(Read(R"("lambda_min_clipped": -Infinity)", kDpmMultistep).lambda_min_clipped, -1e300);
}

TEST(SchedulerConfigTest, RefusesByNameWhatIsNotImplemented) {
  struct Case {
    SchedulerKind kind;
    const char* fields;
    const char* field;
  };
  for (const Case& c : {
           Case{kEuler, R"("prediction_type": "flow_prediction")", "prediction_type"},
           Case{kEulerAncestral, R"("prediction_type": "sample")", "prediction_type"},
           Case{kPndm, R"("prediction_type": "sample", "skip_prk_steps": true)", "prediction_type"},
           Case{kPndm, "", "skip_prk_steps"},
           Case{kEuler, R"("beta_schedule": "sigmoid")", "beta_schedule"},
           Case{kEuler, R"("beta_schedule": "exp")", "beta_schedule"},
           Case{kEuler, R"("beta_start": 0)", "beta_start"},
           Case{kEuler, R"("beta_end": 1.0)", "beta_end"},
           Case{kEuler, R"("trained_betas": [0.1, 0.2])", "trained_betas"},
           Case{kEuler, R"("num_train_timesteps": 0)", "num_train_timesteps"},
           Case{kEuler, R"("num_train_timesteps": 1)", "num_train_timesteps"},
           Case{kEuler, R"("timestep_spacing": "even")", "timestep_spacing"},
           Case{kEuler, R"("timestep_type": "other")", "timestep_type"},
           Case{kEuler, R"("interpolation_type": "cubic")", "interpolation_type"},
           Case{kEuler, R"("final_sigmas_type": "one")", "final_sigmas_type"},
           Case{kEuler, R"("steps_offset": -1)", "steps_offset"},
           Case{kEuler, R"("sigma_min": 0)", "sigma_min"},
           Case{kEuler, R"("use_beta_sigmas": true)", "use_beta_sigmas"},
           Case{kHeun, R"("use_karras_sigmas": true, "use_exponential_sigmas": true)",
                "use_karras_sigmas"},
           Case{kDdim, R"("thresholding": true)", "thresholding"},
           Case{kDpmMultistep, R"("algorithm_type": "dpmsolver")", "algorithm_type"},
           Case{kDpmMultistep, R"("solver_type": "rk4")", "solver_type"},
           Case{kDpmMultistep, R"("solver_order": 4)", "solver_order"},
           Case{kDpmMultistep, R"("variance_type": "learned_range")", "variance_type"},
           Case{kDpmMultistep, R"("use_flow_sigmas": true)", "use_flow_sigmas"},
           Case{kUniPc, R"("use_dynamic_shifting": true)", "use_dynamic_shifting"},
           Case{kUniPc, R"("shift_terminal": 0.1)", "shift_terminal"},
           Case{kUniPc, R"("solver_p": {"a": 1})", "solver_p"},
           Case{kUniPc, R"("lower_order_final": false)", "lower_order_final"},
           Case{kEuler, R"("of_tomorrow": 1)", "of_tomorrow"},
       })
    EXPECT_THAT(Refusal(c.fields, c.kind), AllOf(HasSubstr("s.json: "), HasSubstr(c.field)))
        << c.fields;
}

TEST(SchedulerConfigTest, AClassThatIsNotImplementedIsNamed) {
  const auto kind = [](const std::string& text) {
    return KindOf(JsonConfig::Parse(text, "s.json"));
  };
  EXPECT_EQ(kind(R"({"_class_name": "UniPCMultistepScheduler"})"), kUniPc);
  EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { kind(R"({"_class_name": "DDPMScheduler"})"); }),
              AllOf(HasSubstr("_class_name"), HasSubstr("DDPMScheduler")));
  EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { kind("{}"); }), HasSubstr("_class_name"));
}

}  // namespace
}  // namespace darkroom::diffusion
