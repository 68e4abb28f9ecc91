// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/scheduler.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <utility>

#include "common/diffusion/schedulers.h"

namespace darkroom::diffusion {
namespace {

constexpr uint64_t kFormat = 0x314b524452414b44;  // the format's name and number

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_INVALID_ARGUMENT, words); }

bool IsFalling(const std::vector<double>& values) {
  return std::ranges::adjacent_find(values, std::ranges::less_equal()) == values.end();
}

void CheckParams(const SchedulerConfig& config, const SamplingParams& params) {
  const int given = (params.steps != 0 ? 1 : 0) + (params.timesteps.empty() ? 0 : 1) +
                    (params.sigmas.empty() ? 0 : 1);
  if (given != 1) Refuse("give either steps, or timesteps, or sigmas");
  const int64_t most = config.num_train_timesteps;
  if (params.steps != 0 && (params.steps < 1 || params.steps > most))
    Refuse("steps is " + std::to_string(params.steps) + ", expected 1 to " + std::to_string(most));
  if (!IsFalling(params.timesteps)) Refuse("timesteps: each must be less than the one before it");
  for (const double timestep : params.timesteps)
    if (!(timestep >= 0 && timestep < static_cast<double>(most)))
      Refuse("timesteps: each must be from 0 to " + std::to_string(most - 1));
  if (!IsFalling(params.sigmas)) Refuse("sigmas: each must be less than the one before it");
  if (!params.sigmas.empty() && (params.sigmas.size() < 2 || !(params.sigmas.back() >= 0)))
    Refuse("sigmas: expected at least two, of which none is less than 0");
  if (params.eta && !(*params.eta >= 0 && *params.eta <= 1))
    Refuse("eta is " + std::to_string(*params.eta) + ", expected 0 to 1");
}

}  // namespace

Scheduler::Scheduler(SchedulerConfig config, SamplingParams params)
    : config_(std::move(config)), params_(std::move(params)) {
  CheckSchedulerConfig(config_);
  CheckParams(config_, params_);
}

Scheduler::~Scheduler() = default;

void Scheduler::SetTables(std::vector<double> timesteps, std::vector<float> sigmas) {
  timesteps_ = std::move(timesteps);
  sigmas_ = std::move(sigmas);
  steps_ = params_.steps != 0 ? params_.steps : count();
}

void Scheduler::RefuseTimesteps() const {
  if (!params_.timesteps.empty())
    Refuse("this scheduler takes steps, and no timesteps of the request's");
}

void Scheduler::RefuseSigmas() const {
  if (!params_.sigmas.empty())
    Refuse("this scheduler takes steps, and no sigmas of the request's; euler does");
}

int64_t Scheduler::BeginAt(double strength) const {
  if (!(strength >= 0 && strength <= 1))
    Refuse("strength is " + std::to_string(strength) + ", expected 0 to 1");
  const int64_t left =
      std::min(static_cast<int64_t>(static_cast<double>(steps_) * strength), steps_);
  const int64_t begin = (steps_ - left) * runs_per_step_;
  if (left < 1 || begin >= count())
    Refuse("strength " + std::to_string(strength) + " leaves none of " + std::to_string(steps_) +
           " steps; give more of either");
  return begin;
}

int64_t Scheduler::EndAfter(double share) const {
  const auto trained = static_cast<double>(config_.num_train_timesteps);
  const double cutoff = std::nearbyint(trained - share * trained);
  return std::ranges::count_if(timesteps_, [&](double timestep) { return timestep >= cutoff; });
}

int64_t Scheduler::BeginAfter(double share) const {
  int64_t left = count() - EndAfter(share);
  if (runs_per_step_ == 2 && left % 2 == 0) ++left;
  return count() - left;
}

SchedulerState Scheduler::Begin(NoiseSource noise, int64_t begin) const {
  return {begin, begin, {}, {}, std::move(noise)};
}

at::Tensor Scheduler::FirstLatents(at::IntArrayRef shape, at::ScalarType dtype, at::Device device,
                                   SchedulerState* state) const {
  return state->noise.Draw(shape, dtype, device) * init_noise_sigma_;
}

bool Scheduler::Done(const SchedulerState& state) const { return state.index >= count(); }

double Scheduler::Timestep(const SchedulerState& state) const {
  return timesteps_.at(static_cast<size_t>(state.index));
}

at::Tensor Scheduler::ScaleModelInput(const at::Tensor& latents, const SchedulerState&) const {
  return latents;
}

at::Tensor Scheduler::Step(const at::Tensor& output, const at::Tensor& latents,
                           SchedulerState* state) const {
  if (Done(*state)) throw Error(DR_INTERNAL, "a step after the last one of a run");
  at::Tensor next = DoStep(output, latents, state);
  ++state->index;
  return next;
}

std::string Scheduler::Save(const SchedulerState& state) const {
  ByteWriter bytes;
  bytes.Add(kFormat);
  bytes.Add(Digest());
  bytes.Add(static_cast<uint64_t>(state.begin));
  bytes.Add(static_cast<uint64_t>(state.index));
  state.noise.Save(&bytes);
  bytes.Add(state.sample);
  bytes.Add(state.outputs.size());
  for (const at::Tensor& output : state.outputs) bytes.Add(output);
  return bytes.bytes();
}

SchedulerState Scheduler::Restore(std::string_view bytes, at::Device device) const {
  ByteReader reader(bytes);
  if (reader.Number() != kFormat) ByteReader::Damaged("it begins otherwise");
  if (reader.Number() != Digest())
    throw Error(
        DR_FAILED_PRECONDITION,
        "the run's checkpoint is of another scheduler, or of other steps; begin the run anew");
  const uint64_t begin = reader.Number();
  const uint64_t index = reader.Number();
  if (index > timesteps_.size() || begin > index) ByteReader::Damaged("it has no such step");
  SchedulerState state = {
      static_cast<int64_t>(begin), static_cast<int64_t>(index), {}, {}, NoiseSource(&reader)};
  const auto place = [&](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(device) : tensor;
  };
  state.sample = place(reader.Tensor());
  const uint64_t outputs = reader.Number();
  for (uint64_t i = 0; i < outputs; ++i) state.outputs.push_back(place(reader.Tensor()));
  reader.CheckEnd();
  const Kept kept = KeptAfter(state.index - state.begin);
  bool whole = kept.outputs == static_cast<int64_t>(state.outputs.size()) &&
               kept.sample == state.sample.defined();
  for (const at::Tensor& output : state.outputs) whole = whole && output.defined();
  if (!whole) ByteReader::Damaged("it lacks latents or outputs of steps before");
  return state;
}

Scheduler::Kept Scheduler::KeptAfter(int64_t) const { return {}; }

// FNV-1a over all that steps depend on: a run that goes on otherwise than it began ends in noise.
uint64_t Scheduler::Digest() const {
  uint64_t digest = 0xcbf29ce484222325;
  const auto add = [&](double value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(bits));
    for (int i = 0; i < 8; ++i) digest = (digest ^ (bits >> (8 * i) & 0xff)) * 0x100000001b3;
  };
  const SchedulerConfig& c = config_;
  for (const int choice :
       {static_cast<int>(c.kind), static_cast<int>(c.prediction_type),
        static_cast<int>(c.solver_order), static_cast<int>(c.solver_type), int{c.stochastic},
        int{c.lower_order_final}, int{c.euler_at_final}, int{c.predict_x0}, int{c.clip_sample},
        int{c.set_alpha_to_one}, int{c.rescale_betas_zero_snr}, int{c.end_at_sigma_min}})
    add(choice);
  for (const double value : {c.beta_start, c.beta_end, static_cast<double>(c.num_train_timesteps),
                             c.clip_sample_range, c.timestep_scaling, params_.eta.value_or(-1),
                             params_.s_churn, params_.s_tmin, params_.s_tmax, params_.s_noise})
    add(value);
  for (const char letter : c.beta_schedule) add(letter);
  for (const double beta : c.trained_betas) add(beta);
  for (const int64_t step : c.disable_corrector) add(static_cast<double>(step));
  for (const double timestep : timesteps_) add(timestep);
  for (const float sigma : sigmas_) add(sigma);
  return digest;
}

std::unique_ptr<const Scheduler> MakeScheduler(const SchedulerConfig& config,
                                               const SamplingParams& params) {
  switch (config.kind) {
    case SchedulerKind::kEuler:
      return MakeEuler(config, params);
    case SchedulerKind::kEulerAncestral:
      return MakeEulerAncestral(config, params);
    case SchedulerKind::kHeun:
      return MakeHeun(config, params);
    case SchedulerKind::kDdim:
      return MakeDdim(config, params);
    case SchedulerKind::kLcm:
      return MakeLcm(config, params);
    case SchedulerKind::kTcd:
      return MakeTcd(config, params);
    case SchedulerKind::kPndm:
      return MakePndm(config, params);
    case SchedulerKind::kDpmMultistep:
      return MakeDpmMultistep(config, params);
    case SchedulerKind::kDpmSinglestep:
      return MakeDpmSinglestep(config, params);
    case SchedulerKind::kUniPc:
      break;
  }
  return MakeUniPc(config, params);
}

}  // namespace darkroom::diffusion
