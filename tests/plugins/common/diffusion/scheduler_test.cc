// SPDX-License-Identifier: Apache-2.0
//
// What does not need the reference: refusals, states as bytes, runs that share a batch. Numbers are
// test_scheduler_parity.py's.

#include "common/diffusion/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/diffusion/registry.h"
#include "tests/plugins/common/diffusion/error_of.h"

namespace darkroom::diffusion {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<const Scheduler> Make(const std::string& name, const SamplingParams& params) {
  const auto file = JsonConfig::Parse(
      R"({"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
          "beta_schedule": "scaled_linear", "steps_offset": 1, "timestep_spacing": "leading",
          "skip_prk_steps": true, "clip_sample": false})",
      "scheduler_config.json");
  return MakeScheduler(NamedScheduler(file, name), params);
}

NoiseSource Noise(uint64_t seed) { return NoiseSource(std::vector<uint64_t>{seed}); }

at::Tensor Network(const at::Tensor& latents, double timestep) {
  return at::tanh(latents + timestep * 0.001);
}

// Runs on until `end` of the timesteps.
at::Tensor RunTo(const Scheduler& scheduler, size_t end, at::Tensor latents,
                 SchedulerState* state) {
  while (static_cast<size_t>(state->index) < end)
    latents = scheduler.Step(
        Network(scheduler.ScaleModelInput(latents, *state), scheduler.Timestep(*state)), latents,
        state);
  return latents;
}

TEST(SchedulerTest, TablesAreThoseThatAreKnown) {
  EXPECT_THAT(Make("ddim", {.steps = 4})->timesteps(), ElementsAre(751, 501, 251, 1));
  EXPECT_THAT(Make("pndm", {.steps = 4})->timesteps(), ElementsAre(751, 501, 501, 251, 1));
  EXPECT_THAT(Make("dpmpp_2m", {.steps = 4})->timesteps(), ElementsAre(801, 601, 401, 201));
  EXPECT_THAT(Make("lcm", {.steps = 4})->timesteps(), ElementsAre(999, 759, 499, 259));
  EXPECT_THAT(Make("lightning", {.steps = 4})->timesteps(), ElementsAre(999, 749, 499, 249));
  EXPECT_THAT(Make("heun", {.steps = 4})->timesteps(), ElementsAre(751, 501, 501, 251, 251, 1, 1));
  EXPECT_NEAR(Make("euler", {.steps = 4})->init_noise_sigma(), 4.236414, 1e-6);
  EXPECT_NEAR(Make("turbo", {.steps = 4})->init_noise_sigma(), 14.614647, 1e-6);
}

TEST(SchedulerTest, ARestoredStateGoesOnWithTheSameBits) {
  for (const std::string& name : SchedulerNames()) {
    const auto scheduler = Make(name, {.steps = 6, .eta = 0.5});
    const size_t count = scheduler->timesteps().size();
    SchedulerState whole = scheduler->Begin(Noise(3));
    at::Tensor latents = scheduler->FirstLatents({1, 4, 3, 3}, at::kFloat, at::kCPU, &whole);
    const at::Tensor first = latents;
    const at::Tensor expected = RunTo(*scheduler, count, latents, &whole);
    for (size_t cut = 0; cut <= count; ++cut) {
      SchedulerState state = scheduler->Begin(Noise(3));
      scheduler->FirstLatents({1, 4, 3, 3}, at::kFloat, at::kCPU, &state);
      latents = RunTo(*scheduler, cut, first, &state);
      SchedulerState restored = scheduler->Restore(scheduler->Save(state), at::kCPU);
      EXPECT_TRUE(at::equal(RunTo(*scheduler, count, latents, &restored), expected))
          << name << " " << cut;
    }
  }
}

TEST(SchedulerTest, BytesOfAnotherRunAreRefused) {
  const auto scheduler = Make("dpmpp_2m_sde", {.steps = 6});
  const std::string bytes = scheduler->Save(scheduler->Begin(Noise(3)));
  for (const auto& other : {Make("dpmpp_2m_sde", {.steps = 7}), Make("dpmpp_2m", {.steps = 6}),
                            Make("dpmpp_2m_sde_karras", {.steps = 6})})
    EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { other->Restore(bytes, at::kCPU); }),
                HasSubstr("of another scheduler"));
  EXPECT_THAT(
      ErrorOf(
          DR_FAILED_PRECONDITION,
          [&] {
            Make("ddim", {.steps = 6, .eta = 1})
                ->Restore(
                    Make("ddim", {.steps = 6})->Save(Make("ddim", {.steps = 6})->Begin(Noise(3))),
                    at::kCPU);
          }),
      HasSubstr("of another scheduler"));
}

TEST(SchedulerTest, DamagedBytesAreRefused) {
  const auto scheduler = Make("unipc", {.steps = 6});
  SchedulerState state = scheduler->Begin(Noise(3));
  at::Tensor latents = scheduler->FirstLatents({1, 1, 2, 2}, at::kFloat, at::kCPU, &state);
  RunTo(*scheduler, 3, latents, &state);
  const std::string bytes = scheduler->Save(state);
  for (size_t size = 0; size < bytes.size(); size += 7)
    EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION,
                        [&] { scheduler->Restore(bytes.substr(0, size), at::kCPU); }),
                HasSubstr("damaged"));
  // The index and the outputs that it implies no longer agree.
  std::string moved = bytes;
  moved[24] = 1;
  EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { scheduler->Restore(moved, at::kCPU); }),
              HasSubstr("lacks latents or outputs"));
  moved[24] = 99;
  EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { scheduler->Restore(moved, at::kCPU); }),
              HasSubstr("no such step"));
  // The random generator's state, whose first bytes its own reader checks.
  std::string other = bytes;
  other.replace(8 * 5 + 24, 5000, std::string(5000, '\xff'));
  EXPECT_THAT(ErrorOf(DR_FAILED_PRECONDITION, [&] { scheduler->Restore(other, at::kCPU); }),
              HasSubstr("random generator"));
}

TEST(SchedulerTest, JobsAtDifferentStepsShareABatchOfTheNetwork) {
  const auto one = Make("dpmpp_2m_sde", {.steps = 5});
  const auto two = Make("euler_a", {.steps = 9});
  SchedulerState state_one = one->Begin(Noise(1));
  SchedulerState state_two = two->Begin(Noise(2));
  at::Tensor latents_one = one->FirstLatents({1, 2, 3, 3}, at::kFloat, at::kCPU, &state_one);
  at::Tensor latents_two = two->FirstLatents({1, 2, 3, 3}, at::kFloat, at::kCPU, &state_two);
  latents_two = RunTo(*two, 4, latents_two, &state_two);
  while (!one->Done(state_one)) {
    const at::Tensor inputs = at::cat({one->ScaleModelInput(latents_one, state_one),
                                       two->ScaleModelInput(latents_two, state_two)});
    const at::Tensor timesteps =
        at::tensor({one->Timestep(state_one), two->Timestep(state_two)}, at::kFloat)
            .view({2, 1, 1, 1});
    const at::Tensor outputs = at::tanh(inputs + timesteps * 0.001);
    latents_one = one->Step(outputs.slice(0, 0, 1), latents_one, &state_one);
    latents_two = two->Step(outputs.slice(0, 1, 2), latents_two, &state_two);
  }
  EXPECT_TRUE(two->Done(state_two));

  SchedulerState alone = one->Begin(Noise(1));
  at::Tensor expected = one->FirstLatents({1, 2, 3, 3}, at::kFloat, at::kCPU, &alone);
  expected = RunTo(*one, 5, expected, &alone);
  EXPECT_TRUE(at::allclose(latents_one, expected, 1e-5, 1e-6));
}

TEST(SchedulerTest, StrengthSaysWhereARunBegins) {
  EXPECT_EQ(Make("euler", {.steps = 10})->BeginAt(1), 0);
  EXPECT_EQ(Make("euler", {.steps = 10})->BeginAt(0.3), 7);
  EXPECT_EQ(Make("heun", {.steps = 10})->BeginAt(0.3), 14);
  const auto refusal = [](double strength) {
    return ErrorOf(DR_INVALID_ARGUMENT, [&] { Make("euler", {.steps = 10})->BeginAt(strength); });
  };
  EXPECT_THAT(refusal(0.05), HasSubstr("leaves none of 10 steps"));
  EXPECT_THAT(refusal(1.5), HasSubstr("expected 0 to 1"));
  EXPECT_THAT(refusal(std::numeric_limits<double>::quiet_NaN()), HasSubstr("expected 0 to 1"));
}

TEST(SchedulerTest, RefusesParamsThatItCannotTake) {
  const auto refusal = [](const std::string& name, const SamplingParams& params) {
    return ErrorOf(DR_INVALID_ARGUMENT, [&] { Make(name, params); });
  };
  EXPECT_THAT(refusal("euler", {}), HasSubstr("either steps"));
  EXPECT_THAT(refusal("euler", {.steps = 2, .timesteps = {999}}), HasSubstr("either steps"));
  EXPECT_THAT(refusal("euler", {.steps = 1001}), HasSubstr("1 to 1000"));
  EXPECT_THAT(refusal("euler", {.steps = -1}), HasSubstr("1 to 1000"));
  EXPECT_THAT(refusal("lcm", {.steps = 51}), HasSubstr("1 to 50"));
  EXPECT_THAT(refusal("euler", {.timesteps = {999, 999}}), HasSubstr("less than the one before"));
  EXPECT_THAT(refusal("euler", {.timesteps = {1000, 3}}), HasSubstr("from 0 to 999"));
  EXPECT_THAT(refusal("euler", {.sigmas = {14, 15}}), HasSubstr("less than the one before"));
  EXPECT_THAT(refusal("euler", {.sigmas = {14}}), HasSubstr("at least two"));
  EXPECT_THAT(refusal("euler_karras", {.timesteps = {9, 3}}), HasSubstr("no timesteps"));
  EXPECT_THAT(refusal("dpmpp_2m_karras", {.timesteps = {9, 3}}), HasSubstr("no timesteps"));
  EXPECT_THAT(refusal("heun", {.sigmas = {3, 0}}), HasSubstr("no sigmas"));
  for (const char* name : {"ddim", "euler_a", "pndm", "unipc"})
    EXPECT_THAT(refusal(name, {.timesteps = {9, 3}}), HasSubstr("no timesteps")) << name;
  EXPECT_THAT(refusal("ddim", {.steps = 3, .eta = 1.5}), HasSubstr("eta"));
}

TEST(SchedulerTest, RefusesAStepAfterTheLastAndSeedsThatDoNotMatch) {
  const auto scheduler = Make("euler", {.steps = 2});
  SchedulerState state = scheduler->Begin(Noise(1));
  const at::Tensor latents = scheduler->FirstLatents({2, 1, 1, 1}, at::kFloat, at::kCPU, &state);
  RunTo(*scheduler, 2, latents, &state);
  EXPECT_TRUE(scheduler->Done(state));
  EXPECT_THAT(ErrorOf(DR_INTERNAL, [&] { scheduler->Step(latents, latents, &state); }),
              HasSubstr("after the last"));

  NoiseSource three(std::vector<uint64_t>{1, 2, 3});
  EXPECT_THAT(ErrorOf(DR_INVALID_ARGUMENT, [&] { three.DrawLike(latents, at::kFloat); }),
              HasSubstr("3 seeds for 2 pictures"));
  EXPECT_THAT(ErrorOf(DR_INVALID_ARGUMENT, [] { NoiseSource(std::vector<uint64_t>{}); }),
              HasSubstr("at least one"));
}

}  // namespace
}  // namespace darkroom::diffusion
