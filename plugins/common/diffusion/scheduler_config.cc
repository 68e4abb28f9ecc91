// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/scheduler_config.h"

#include <cstddef>
#include <darkroom/plugin.hpp>
#include <iterator>
#include <string_view>
#include <utility>

namespace darkroom::diffusion {
namespace {

using enum SchedulerKind;

constexpr const char* kClasses[] = {
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "DDIMScheduler",
    "LCMScheduler",
    "TCDScheduler",
    "PNDMScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "UniPCMultistepScheduler",
};

// Ten times what any network is trained on. Tables of sigmas take a time that grows with its
// square.
constexpr int64_t kMostTimesteps = 10'000;

using Kinds = uint32_t;
constexpr Kinds Bit(SchedulerKind kind) { return Kinds{1} << static_cast<int>(kind); }
constexpr Kinds kDpm = Bit(kDpmMultistep) | Bit(kDpmSinglestep);
constexpr Kinds kSolvers = kDpm | Bit(kUniPc);
constexpr Kinds kFreeSigmas = kSolvers | Bit(kEuler) | Bit(kHeun);
constexpr Kinds kDistilled = Bit(kLcm) | Bit(kTcd);
constexpr Kinds kAll = ~Kinds{0};
constexpr Kinds kNone = 0;

// The fields of all of the library's schedulers, and to which kinds each means something. To the
// others it means nothing there either, though their files may hold it: each file holds also what
// an earlier scheduler of the same folder was told.
struct Field {
  const char* name;
  Kinds kinds;
};
constexpr Field kFields[] = {
    {"num_train_timesteps", kAll},
    {"beta_start", kAll},
    {"beta_end", kAll},
    {"beta_schedule", kAll},
    {"trained_betas", kAll},
    {"prediction_type", kAll},
    {"rescale_betas_zero_snr", kAll & ~(Bit(kHeun) | Bit(kPndm) | Bit(kDpmSinglestep))},
    {"timestep_spacing", kAll & ~(kDistilled | Bit(kDpmSinglestep))},
    {"steps_offset", kAll & ~(kDistilled | Bit(kDpmSinglestep))},
    {"interpolation_type", Bit(kEuler)},
    {"timestep_type", Bit(kEuler)},
    {"use_karras_sigmas", kFreeSigmas},
    {"use_exponential_sigmas", kFreeSigmas},
    {"use_beta_sigmas", kFreeSigmas},
    {"use_lu_lambdas", Bit(kDpmMultistep)},
    {"sigma_min", kFreeSigmas},
    {"sigma_max", kFreeSigmas},
    {"final_sigmas_type", kSolvers | Bit(kEuler)},
    {"lambda_min_clipped", kDpm},
    {"use_flow_sigmas", kSolvers},
    {"flow_shift", kNone},
    {"use_dynamic_shifting", kSolvers},
    {"time_shift_type", kNone},
    {"shift_terminal", Bit(kUniPc)},
    {"clip_sample", Bit(kDdim) | Bit(kLcm) | Bit(kHeun)},
    {"clip_sample_range", Bit(kDdim) | Bit(kLcm) | Bit(kHeun)},
    {"thresholding", kSolvers | Bit(kDdim) | Bit(kLcm)},
    {"dynamic_thresholding_ratio", kNone},
    {"sample_max_value", kNone},
    {"set_alpha_to_one", kDistilled | Bit(kDdim) | Bit(kPndm)},
    {"original_inference_steps", kDistilled},
    {"timestep_scaling", Bit(kLcm)},
    {"skip_prk_steps", Bit(kPndm)},
    {"solver_order", kSolvers},
    {"solver_type", kSolvers},
    {"algorithm_type", kDpm},
    {"variance_type", kDpm},
    {"lower_order_final", kSolvers},
    {"euler_at_final", Bit(kDpmMultistep)},
    {"predict_x0", Bit(kUniPc)},
    {"disable_corrector", Bit(kUniPc)},
    {"solver_p", Bit(kUniPc)},
};

// Whether the field belongs to other schedulers only. One that nobody knows does not.
bool IsOthers(SchedulerKind kind, std::string_view name) {
  for (const Field& field : kFields)
    if (field.name == name) return (field.kinds & Bit(kind)) == 0;
  return false;
}

Prediction ReadPrediction(const JsonConfig& file, SchedulerKind kind) {
  const std::string name = file.Text("prediction_type", "epsilon");
  if (name == "epsilon") return Prediction::kEpsilon;
  if (name == "v_prediction") return Prediction::kVelocity;
  // The reference's own schedulers of these two kinds refuse it as well.
  const bool samples = kind != kEulerAncestral && kind != kPndm;
  if (name == "sample" && samples) return Prediction::kSample;
  file.Refuse("prediction_type", std::string("implemented are \"epsilon\", \"v_prediction\"") +
                                     (samples ? " and \"sample\"" : ""));
}

Spacing ReadSpacing(const JsonConfig& file, const std::string& otherwise) {
  const std::string name = file.Text("timestep_spacing", otherwise);
  if (name == "linspace") return Spacing::kLinspace;
  if (name == "leading") return Spacing::kLeading;
  if (name == "trailing") return Spacing::kTrailing;
  file.Refuse("timestep_spacing", R"(it must be "linspace", "leading" or "trailing")");
}

// One of two texts: whether it is the second.
bool ReadChoice(const JsonConfig& file, const char* name, const std::string& first,
                const std::string& second) {
  const std::string value = file.Text(name, first);
  if (value != first && value != second)
    file.Refuse(name, "it must be \"" + first + "\" or \"" + second + "\"");
  return value == second;
}

// Names of another solver's types are taken for the default, as in the reference: they come from
// the folder's own scheduler.
SolverType ReadSolverType(const JsonConfig& file, SchedulerKind kind) {
  const bool unipc = kind == kUniPc;
  const std::string name = file.Text("solver_type", unipc ? "bh2" : "midpoint");
  if (name != "midpoint" && name != "heun" && name != "logrho" && name != "bh1" && name != "bh2")
    file.Refuse("solver_type", R"(implemented are "midpoint", "heun", "bh1" and "bh2")");
  if (unipc) return name == "bh1" ? SolverType::kBh1 : SolverType::kBh2;
  return name == "heun" ? SolverType::kHeun : SolverType::kMidpoint;
}

bool ReadStochastic(const JsonConfig& file) {
  const std::string name = file.Text("algorithm_type", "dpmsolver++");
  if (name != "dpmsolver++" && name != "sde-dpmsolver++" && name != "deis")
    file.Refuse("algorithm_type", R"(implemented are "dpmsolver++" and "sde-dpmsolver++")");
  return name == "sde-dpmsolver++";
}

void ReadNoise(const JsonConfig& file, SchedulerConfig* config) {
  const bool distilled = (Bit(config->kind) & kDistilled) != 0;
  const bool heun = config->kind == kHeun;
  config->num_train_timesteps = file.Size("num_train_timesteps", 1000, kMostTimesteps);
  // A table of one entry has nothing between its entries.
  if (config->num_train_timesteps == 1) file.Refuse("num_train_timesteps", "it must be at least 2");
  config->beta_start = file.Number("beta_start", distilled || heun ? 0.00085 : 0.0001);
  config->beta_end = file.Number("beta_end", distilled || heun ? 0.012 : 0.02);
  for (const auto& [name, beta] :
       {std::pair{"beta_start", config->beta_start}, std::pair{"beta_end", config->beta_end}})
    if (!(beta > 0 && beta < 1)) file.Refuse(name, "it must be more than 0 and less than 1");
  config->beta_schedule = file.Text("beta_schedule", distilled ? "scaled_linear" : "linear");
  const std::string& schedule = config->beta_schedule;
  if (schedule != "linear" && schedule != "scaled_linear" && schedule != "squaredcos_cap_v2" &&
      !(schedule == "exp" && heun))
    file.Refuse("beta_schedule",
                R"(implemented are "linear", "scaled_linear" and "squaredcos_cap_v2")");
  config->trained_betas = file.Numbers("trained_betas", {});
  const size_t betas = config->trained_betas.size();
  if (betas != 0 && betas != static_cast<size_t>(config->num_train_timesteps))
    file.Refuse("trained_betas", "it has " + std::to_string(betas) + " numbers, expected " +
                                     std::to_string(config->num_train_timesteps) +
                                     ", as num_train_timesteps says");
  config->rescale_betas_zero_snr = file.Flag("rescale_betas_zero_snr", false);
  config->prediction_type = ReadPrediction(file, config->kind);
}

void ReadTimesteps(const JsonConfig& file, SchedulerConfig* config) {
  const SchedulerKind kind = config->kind;
  const bool leading = kind == kDdim || kind == kPndm;
  config->timestep_spacing = ReadSpacing(file, leading ? "leading" : "linspace");
  config->steps_offset = file.Integer("steps_offset", 0);
  if (config->steps_offset < 0 || config->steps_offset >= config->num_train_timesteps)
    file.Refuse("steps_offset", "it must be from 0 to num_train_timesteps - 1");
  config->interpolate_logarithms = ReadChoice(file, "interpolation_type", "linear", "log_linear");
  config->continuous_timesteps = ReadChoice(file, "timestep_type", "discrete", "continuous");
  config->use_karras_sigmas = file.Flag("use_karras_sigmas", false);
  config->use_exponential_sigmas = file.Flag("use_exponential_sigmas", false);
  config->use_beta_sigmas = file.Flag("use_beta_sigmas", false);
  config->use_lu_lambdas = file.Flag("use_lu_lambdas", false);
  for (auto [name, value] :
       {std::pair{"sigma_min", &config->sigma_min}, std::pair{"sigma_max", &config->sigma_max}}) {
    if (!file.Has(name)) continue;
    *value = file.Number(name);
    if (!(**value > 0)) file.Refuse(name, "it must be more than 0");
  }
  config->end_at_sigma_min = ReadChoice(file, "final_sigmas_type", "zero", "sigma_min");
  config->lambda_min_clipped =
      file.Number("lambda_min_clipped", std::numeric_limits<double>::lowest());
  file.Only("use_flow_sigmas", false);
  file.Only("use_dynamic_shifting", false);
  if (file.Has("shift_terminal"))
    file.Refuse("shift_terminal", "it is for flow matching, which is not implemented here");
}

void ReadSteps(const JsonConfig& file, SchedulerConfig* config) {
  config->clip_sample = file.Flag("clip_sample", config->kind == kDdim);
  config->clip_sample_range = file.Number("clip_sample_range", 1);
  file.Only("thresholding", false);
  config->set_alpha_to_one = file.Flag("set_alpha_to_one", config->kind != kPndm);
  config->original_inference_steps = file.Size("original_inference_steps", 50, kMostTimesteps);
  config->timestep_scaling = file.Number("timestep_scaling", 10);
  if (config->kind == kPndm && !file.Flag("skip_prk_steps", false))
    file.Refuse("skip_prk_steps", "only true is implemented");
  config->solver_order = file.Size("solver_order", 2, 3);
  config->solver_type = ReadSolverType(file, config->kind);
  config->stochastic = ReadStochastic(file);
  const std::string variance = file.Text("variance_type", "");
  if (variance == "learned" || variance == "learned_range")
    file.Refuse("variance_type", "a network that predicts the variance too is not implemented");
  config->lower_order_final = file.Flag("lower_order_final", config->kind != kDpmSinglestep);
  config->euler_at_final = file.Flag("euler_at_final", false);
  config->predict_x0 = file.Flag("predict_x0", true);
  config->disable_corrector = file.Integers("disable_corrector", {});
  if (file.Has("solver_p"))
    file.Refuse("solver_p", "a second scheduler as predictor is not implemented");
}

}  // namespace

SchedulerKind KindOf(const JsonConfig& file) {
  const std::string name = file.Text("_class_name");
  for (size_t i = 0; i < std::size(kClasses); ++i)
    if (name == kClasses[i]) return static_cast<SchedulerKind>(i);
  file.Refuse("_class_name",
              "this scheduler is not implemented; a request's param \"scheduler\" can name one "
              "that is");
}

SchedulerConfig ReadSchedulerConfig(const JsonConfig& file, SchedulerKind kind) {
  SchedulerConfig config;
  config.where = file.where();
  config.kind = kind;
  const JsonConfig own = file.Without(
      [kind](const std::string& name) { return name.starts_with("_") || IsOthers(kind, name); });
  ReadNoise(own, &config);
  ReadTimesteps(own, &config);
  ReadSteps(own, &config);
  own.CheckAllRead();
  return config;
}

void CheckSchedulerConfig(const SchedulerConfig& config) {
  const auto refuse = [&](const std::string& words) {
    throw Error(DR_FAILED_PRECONDITION, config.where + ": " + words);
  };
  if (config.use_beta_sigmas)
    refuse(
        "use_beta_sigmas is true; only use_karras_sigmas and use_exponential_sigmas are "
        "implemented");
  if (config.use_karras_sigmas && config.use_exponential_sigmas)
    refuse("use_karras_sigmas and use_exponential_sigmas are both true; take one of them");
  // The last step's logarithm of the signal to noise ratio is infinite then, and all would be NaN.
  if (config.kind == kUniPc && !config.lower_order_final && !config.end_at_sigma_min)
    refuse(
        "lower_order_final is false while final_sigmas_type is \"zero\"; a last step of a "
        "higher order needs \"sigma_min\"");
}

}  // namespace darkroom::diffusion
