// SPDX-License-Identifier: Apache-2.0
//
// Runs schedulers on a made-up network, for test_scheduler_parity.py to compare with diffusers.
//
//   scheduler_parity_tool CASES OUTPUT
//
// CASES is a JSON list of {"config": a scheduler_config.json, as text, "name": as a request
// says it, and of SamplingParams "steps", "timesteps", "sigmas", "eta", "s_churn", ...}. With
// "seeds" it is run too: from noise, or with "strength" from a picture with noise, of which
// "masked" keeps the left; "resume_at": K goes through bytes before each K-th step. OUTPUT is a
// safetensors file; the tensors of the case I are named I.timesteps, I.sigmas, I.init_noise_sigma,
// I.latents.0 (the first), ..., I.estimate.0 (of the last, before the first step), ..., or I.error
// (a tensor of the error's status) alone.

#include <ATen/ATen.h>

#include <cstdio>
#include <darkroom/plugin.hpp>
#include <exception>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/diffusion/registry.h"
#include "common/diffusion/scheduler.h"
#include "common/json_config.h"
#include "tests/plugins/common/save_tensors.h"

namespace {

using darkroom::diffusion::NoiseSource;
using darkroom::diffusion::SamplingParams;
using darkroom::diffusion::Scheduler;
using darkroom::diffusion::SchedulerState;
using Json = nlohmann::json;
using Tensors = std::map<std::string, at::Tensor>;

// test_scheduler_parity.py has the same one.
at::Tensor Network(const at::Tensor& latents, double timestep) {
  return at::tanh(latents * 0.8 + timestep * 0.001) * 0.9 + at::cos(latents * 2.0) * 0.3;
}

SamplingParams ParamsOf(const Json& c) {
  SamplingParams params;
  params.steps = c.value("steps", int64_t{0});
  params.timesteps = c.value("timesteps", std::vector<double>());
  params.sigmas = c.value("sigmas", std::vector<double>());
  if (c.contains("eta")) params.eta = c["eta"].get<double>();
  params.s_churn = c.value("s_churn", params.s_churn);
  params.s_tmin = c.value("s_tmin", params.s_tmin);
  params.s_tmax = c.value("s_tmax", params.s_tmax);
  params.s_noise = c.value("s_noise", params.s_noise);
  return params;
}

void RunNetwork(const Scheduler& scheduler, const Json& c, const std::string& prefix,
                Tensors* tensors) {
  const auto seeds = c["seeds"].get<std::vector<uint64_t>>();
  const auto shape = c["shape"].get<std::vector<int64_t>>();
  const int64_t resume = c.value("resume_at", int64_t{0});
  const auto dtype = c.value("half", false) ? at::kHalf : at::kFloat;
  NoiseSource noise(seeds);
  SchedulerState state = scheduler.Begin(std::move(noise));
  at::Tensor latents;
  at::Tensor drawn;
  at::Tensor picture;
  if (c.contains("strength")) {
    const int64_t begin = scheduler.BeginAt(c["strength"].get<double>());
    state = scheduler.Begin(std::move(state.noise), begin);
    drawn = state.noise.Draw(shape, dtype, at::kCPU);
    picture = at::linspace(-1, 1, drawn.numel()).view(shape).to(dtype);
    latents = scheduler.AddNoise(picture, drawn, begin);
  } else {
    latents = scheduler.FirstLatents(shape, dtype, at::kCPU, &state);
  }
  for (int64_t i = 0;; ++i) {
    tensors->emplace(prefix + "latents." + std::to_string(i), latents.to(at::kFloat));
    if (scheduler.Done(state)) break;
    if (resume != 0 && i % resume == 0) state = scheduler.Restore(scheduler.Save(state), at::kCPU);
    const at::Tensor output =
        Network(scheduler.ScaleModelInput(latents, state), scheduler.Timestep(state));
    tensors->emplace(prefix + "estimate." + std::to_string(i),
                     scheduler.Estimate(output, latents, state).to(at::kFloat));
    latents = scheduler.Step(output, latents, &state);
    if (c.value("masked", false) && !scheduler.Done(state)) {
      const at::Tensor kept = scheduler.AddNoise(picture, drawn, state.index);
      latents = at::cat({kept.slice(-1, 0, 3), latents.slice(-1, 3)}, -1);
    }
  }
}

void RunCase(const Json& c, const std::string& prefix, Tensors* tensors) {
  const auto file =
      darkroom::JsonConfig::Parse(c["config"].get<std::string>(), "scheduler_config.json");
  const auto scheduler = darkroom::diffusion::MakeScheduler(
      darkroom::diffusion::NamedScheduler(file, c.value("name", "default")), ParamsOf(c));
  tensors->emplace(prefix + "timesteps", at::tensor(scheduler->timesteps(), at::kFloat));
  tensors->emplace(prefix + "sigmas", at::tensor(scheduler->sigmas(), at::kFloat));
  tensors->emplace(prefix + "init_noise_sigma",
                   at::tensor({scheduler->init_noise_sigma()}, at::kFloat));
  if (c.contains("seeds")) RunNetwork(*scheduler, c, prefix, tensors);
}

int Run(int argc, char** argv) {
  if (argc != 3) throw std::runtime_error("usage: scheduler_parity_tool CASES OUTPUT");
  std::ifstream stream(argv[1]);
  const Json cases = Json::parse(stream);
  Tensors tensors;
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string prefix = std::to_string(i) + ".";
    try {
      RunCase(cases[i], prefix, &tensors);
    } catch (const darkroom::Error& error) {
      std::fprintf(stderr, "%zu: %s\n", i, error.what());
      tensors.emplace(prefix + "error", at::tensor({int64_t{error.status()}}, at::kLong));
    }
  }
  darkroom::SaveTensors(argv[2], tensors);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "scheduler_parity_tool: %s\n", error.what());
    return 1;
  }
}
