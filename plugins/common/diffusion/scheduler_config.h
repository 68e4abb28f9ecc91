// SPDX-License-Identifier: Apache-2.0
//
// What a scheduler_config.json says: which scheduler, the noise of the network's training, and how
// its timesteps are chosen. The fields and their defaults are diffusers', whose schedulers this
// folder's are equal to.
//
// A folder's config may be read for another scheduler than its own, as diffusers' from_config does:
// fields that both have are taken over, those that the other has not are left aside, and what the
// file does not say is at the other's default.
//
// Every field is honoured or refused by name. Refused are, where the scheduler has them: beta
// sigmas, dynamic thresholding, flow matching and its shifts, learned variances, algorithm_type
// without ++, a solver_p, solver_order above 3, PNDM's Runge-Kutta steps (skip_prk_steps false),
// and what gives NaN in the reference too.
//
// Plain values; one thread.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULER_CONFIG_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULER_CONFIG_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/json_config.h"

namespace darkroom::diffusion {

enum class SchedulerKind : uint8_t {
  kEuler,
  kEulerAncestral,
  kHeun,
  kDdim,
  kLcm,
  kTcd,
  kPndm,
  kDpmMultistep,
  kDpmSinglestep,
  kUniPc,
};

// What the network's output is.
enum class Prediction : uint8_t { kEpsilon, kSample, kVelocity };

// Which of the training's timesteps are taken.
enum class Spacing : uint8_t { kLinspace, kLeading, kTrailing };

enum class SolverType : uint8_t { kMidpoint, kHeun, kBh1, kBh2 };

struct SchedulerConfig {
  std::string where;  // for messages: the file
  SchedulerKind kind = SchedulerKind::kEuler;

  int64_t num_train_timesteps = 1000;
  double beta_start = 0;
  double beta_end = 0;
  std::string beta_schedule;          // linear, scaled_linear, squaredcos_cap_v2, exp
  std::vector<double> trained_betas;  // instead of these three
  bool rescale_betas_zero_snr = false;
  Prediction prediction_type = Prediction::kEpsilon;

  Spacing timestep_spacing = Spacing::kLinspace;
  int64_t steps_offset = 0;
  bool interpolate_logarithms = false;  // interpolation_type: log_linear
  bool continuous_timesteps = false;    // timestep_type: continuous
  bool use_karras_sigmas = false;       // at most one of these four
  bool use_exponential_sigmas = false;
  bool use_beta_sigmas = false;  // refused
  bool use_lu_lambdas = false;
  std::optional<double> sigma_min;
  std::optional<double> sigma_max;
  bool end_at_sigma_min = false;  // final_sigmas_type: sigma_min instead of zero
  double lambda_min_clipped = std::numeric_limits<double>::lowest();

  bool clip_sample = false;
  double clip_sample_range = 1;
  bool set_alpha_to_one = true;
  int64_t original_inference_steps = 50;
  double timestep_scaling = 10;

  int64_t solver_order = 2;
  SolverType solver_type = SolverType::kMidpoint;
  bool stochastic = false;  // algorithm_type: sde-dpmsolver++ instead of dpmsolver++
  bool lower_order_final = true;
  bool euler_at_final = false;
  bool predict_x0 = true;
  std::vector<int64_t> disable_corrector;
};

// The kind that the file itself is for. Throws Error (DR_FAILED_PRECONDITION), naming the class,
// for one that is not implemented.
SchedulerKind KindOf(const JsonConfig& file);

// Reads the file for a scheduler of this kind. Throws Error (DR_FAILED_PRECONDITION) that names
// file and field for what is not implemented.
SchedulerConfig ReadSchedulerConfig(const JsonConfig& file, SchedulerKind kind);

// Refuses what does not go together. Schedulers call it, so that it sees what was changed since the
// file was read.
void CheckSchedulerConfig(const SchedulerConfig& config);

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULER_CONFIG_H_
