// SPDX-License-Identifier: Apache-2.0
//
// A Scheduler says at which timesteps a network is run on noise, and makes of each output the next,
// less noisy latents. It is equal to the scheduler of the same config in diffusers.
//
//   const auto scheduler = MakeScheduler(NamedScheduler(file, "dpmpp_2m_karras"), {.steps = 20});
//   SchedulerState state = scheduler->Begin(NoiseSource(seeds));
//   at::Tensor latents = scheduler->FirstLatents(shape, at::kFloat, device, &state);
//   while (!scheduler->Done(state)) {
//     const at::Tensor output = Network(scheduler->ScaleModelInput(latents, state),
//                                       scheduler->Timestep(state));
//     latents = scheduler->Step(output, latents, &state);
//   }
//
// A scheduler is its tables: immutable, and shared by any number of jobs and threads. What changes
// while a job runs is its SchedulerState. So jobs at different steps, with different schedulers
// even, may share one batch of the network: each steps its own part of the output.
//
// Ownership: a state keeps latents and outputs that Step was given, and does not copy them. Who
// gives them does not write to them afterwards.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULER_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/diffusion/noise_source.h"
#include "common/diffusion/scheduler_config.h"

namespace darkroom::diffusion {

// What a request says. Of the first three exactly one.
struct SamplingParams {
  int64_t steps = 0;
  std::vector<double> timesteps = {};  // falling; not with sigmas of another spacing
  std::vector<double> sigmas = {};     // falling, to 0 at the end: one more than steps; Euler only

  // How much of the noise is drawn anew: DDIM from 0 to 1, by default 0; TCD by default 0.3. The
  // others have no such choice, and do not look at it.
  std::optional<double> eta = std::nullopt;

  // Euler: noise that is added before steps between two sigmas, arXiv:2206.00364.
  double s_churn = 0;
  double s_tmin = 0;
  double s_tmax = std::numeric_limits<double>::infinity();
  double s_noise = 1;
};

// Where a run is. Made by Begin, changed by Step.
struct SchedulerState {
  int64_t begin = 0;                // the table's entry that the run began at
  int64_t index = 0;                // ... and the one that comes next
  std::vector<at::Tensor> outputs;  // earlier ones, as the scheduler uses them; the newest last
  at::Tensor sample;                // earlier latents, for schedulers that go back to them
  NoiseSource noise;
};

class Scheduler {
 public:
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  virtual ~Scheduler();

  // For each run of the network, in order. Heun's are about twice as many as steps.
  const std::vector<double>& timesteps() const { return timesteps_; }
  // One for each timestep and the one after the last (with interpolation_type log_linear there is
  // another one after it); empty for schedulers that have none.
  const std::vector<float>& sigmas() const { return sigmas_; }
  // What noise is multiplied with to become the first latents.
  double init_noise_sigma() const { return init_noise_sigma_; }

  // The entry at which a run begins that starts from a picture with noise: for 1 the first. Throws
  // Error (DR_INVALID_ARGUMENT) when strength is not from 0 to 1, or leaves no step.
  int64_t BeginAt(double strength) const;
  // Denoising in parts, by several networks: the entry before which the first part ends, and the
  // one at which the next begins, when `share` (between 0 and 1) of the training's timesteps are
  // behind. They are the same entry, save for Heun's two runs of a step, of which the second part
  // makes the last one again, as in the reference.
  int64_t EndAfter(double share) const;
  int64_t BeginAfter(double share) const;
  SchedulerState Begin(NoiseSource noise, int64_t begin = 0) const;
  // Drawn by the state's source, as the first that is drawn of it.
  at::Tensor FirstLatents(at::IntArrayRef shape, at::ScalarType dtype, at::Device device,
                          SchedulerState* state) const;

  bool Done(const SchedulerState& state) const;
  // The network's second input.
  double Timestep(const SchedulerState& state) const;
  // The network's first input.
  virtual at::Tensor ScaleModelInput(const at::Tensor& latents, const SchedulerState& state) const;
  // The last latents, as far as this output tells: what the run would end in if the network were
  // right. For whoever shows how it comes along; to be asked before Step, of what that is given. It
  // changes nothing, and knows nothing of noise that Step adds before it looks (s_churn).
  virtual at::Tensor Estimate(const at::Tensor& output, const at::Tensor& latents,
                              const SchedulerState& state) const = 0;
  // The next latents. Throws Error (DR_INTERNAL) when the run is done.
  at::Tensor Step(const at::Tensor& output, const at::Tensor& latents, SchedulerState* state) const;

  // A picture's latents with the noise that a run has at this entry of the tables: the first
  // latents of a run that begins there, and what a mask keeps of the picture in one that is there.
  virtual at::Tensor AddNoise(const at::Tensor& original, const at::Tensor& noise,
                              int64_t index) const = 0;

  // A state as bytes, and back: the run goes on with the same bits. The latents are the caller's,
  // who keeps them beside it. Restore throws Error (DR_FAILED_PRECONDITION) for bytes that
  // are damaged, or of a scheduler with other tables.
  std::string Save(const SchedulerState& state) const;
  SchedulerState Restore(std::string_view bytes, at::Device device) const;

 protected:
  Scheduler(SchedulerConfig config, SamplingParams params);

  // Called once, by constructors.
  void SetTables(std::vector<double> timesteps, std::vector<float> sigmas);
  void set_init_noise_sigma(double value) { init_noise_sigma_ = value; }
  void set_runs_per_step(int64_t runs) { runs_per_step_ = runs; }
  // For those that cannot take what the request gives.
  void RefuseTimesteps() const;
  void RefuseSigmas() const;

  // What a state holds after so many runs of the network, for the check of one that is restored.
  struct Kept {
    int64_t outputs = 0;
    bool sample = false;
  };
  virtual Kept KeptAfter(int64_t runs) const;
  virtual at::Tensor DoStep(const at::Tensor& output, const at::Tensor& latents,
                            SchedulerState* state) const = 0;

  const SchedulerConfig& config() const { return config_; }
  const SamplingParams& params() const { return params_; }
  // The number of steps that was asked for.
  int64_t steps() const { return steps_; }
  int64_t count() const { return static_cast<int64_t>(timesteps_.size()); }

 private:
  uint64_t Digest() const;

  SchedulerConfig config_;
  SamplingParams params_;
  int64_t steps_ = 0;
  int64_t runs_per_step_ = 1;
  std::vector<double> timesteps_;
  std::vector<float> sigmas_;
  double init_noise_sigma_ = 1;
};

// Throws Error: DR_FAILED_PRECONDITION for a config that is not implemented, DR_INVALID_ARGUMENT
// for params that the scheduler does not take.
std::unique_ptr<const Scheduler> MakeScheduler(const SchedulerConfig& config,
                                               const SamplingParams& params);

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULER_H_
