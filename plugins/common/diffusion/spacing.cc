// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/spacing.h"

#include <algorithm>
#include <cmath>

namespace darkroom::diffusion {
namespace {

std::vector<double> Falling(std::vector<double> rising) {
  std::ranges::reverse(rising);
  return rising;
}

std::vector<double> Rounded(std::vector<double> values) {
  for (double& value : values) value = std::nearbyint(value);  // halves to even
  return values;
}

// 0, step, 2 step ... and the offset, falling.
std::vector<double> Leading(int64_t step, int64_t count, int64_t offset) {
  std::vector<double> values;
  for (int64_t i = count - 1; i >= 0; --i) values.push_back(static_cast<double>(i * step + offset));
  return values;
}

// From `last` down by the training's timesteps divided by `count`, rounded, and 1 less. numpy finds
// how many by a division whose rounding can give one too many, and steps by the rounded difference
// of the first two.
std::vector<double> Trailing(int64_t last, int64_t timesteps, int64_t count) {
  const double from = static_cast<double>(last);
  const double step = static_cast<double>(timesteps) / static_cast<double>(count);
  const auto length = static_cast<int64_t>(std::ceil((0 - from) / -step));
  const double rounded_step = (from - step) - from;
  std::vector<double> values;
  for (int64_t i = 0; i < length; ++i)
    values.push_back(std::nearbyint(from + static_cast<double>(i) * rounded_step) - 1);
  return values;
}

template <typename Real>
double TimestepIn(Real sigma, std::span<const float> log_sigmas) {
  const Real log_sigma = std::log(std::max(sigma, static_cast<Real>(1e-10)));
  size_t low = 0;
  for (size_t i = 0; i < log_sigmas.size(); ++i)
    if (log_sigma >= static_cast<Real>(log_sigmas[i])) low = i;
  low = std::min(low, log_sigmas.size() - 2);
  const Real above = log_sigma - static_cast<Real>(log_sigmas[low]);
  const auto interval = static_cast<Real>(log_sigmas[low + 1] - log_sigmas[low]);
  const Real weight = std::clamp(above / interval, Real{0}, Real{1});
  return static_cast<double>(1 - weight) * static_cast<double>(low) +
         static_cast<double>(weight) * static_cast<double>(low + 1);
}

}  // namespace

std::vector<double> Linspace(double start, double stop, int64_t count) {
  if (count == 1) return {start};
  const double step = (stop - start) / static_cast<double>(count - 1);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<double>(i) * step + start);
  values.back() = stop;
  return values;
}

std::vector<double> TimestepsFromLast(const SchedulerConfig& config, int64_t count) {
  const int64_t all = config.num_train_timesteps;
  switch (config.timestep_spacing) {
    case Spacing::kLinspace:
      return Falling(Linspace(0, static_cast<double>(all - 1), count));
    case Spacing::kLeading:
      return Leading(all / count, count, config.steps_offset);
    case Spacing::kTrailing:
      break;
  }
  return Trailing(all, all, count);
}

std::vector<double> TimestepsOfSolver(const SchedulerConfig& config, int64_t count, int64_t last) {
  std::vector<double> values;
  switch (config.timestep_spacing) {
    case Spacing::kLinspace:
      values = Falling(Rounded(Linspace(0, static_cast<double>(last - 1), count + 1)));
      break;
    case Spacing::kLeading:
      values = Leading(last / (count + 1), count + 1, config.steps_offset);
      break;
    case Spacing::kTrailing:
      return Trailing(last, config.num_train_timesteps, count);
  }
  values.pop_back();
  return values;
}

double Interpolate(double timestep, std::span<const float> table) {
  if (timestep <= 0) return table.front();
  const double place = std::floor(timestep);
  const auto low = static_cast<size_t>(place);
  if (low + 1 >= table.size()) return table.back();
  const double from = table[low];
  if (place == timestep) return from;
  return (static_cast<double>(table[low + 1]) - from) * (timestep - place) + from;
}

double TimestepOf(double sigma, std::span<const float> log_sigmas) {
  return TimestepIn(sigma, log_sigmas);
}

double TimestepOfGiven(float sigma, std::span<const float> log_sigmas) {
  return TimestepIn(sigma, log_sigmas);
}

std::vector<double> KarrasSigmas(double sigma_min, double sigma_max, int64_t count) {
  constexpr double kRho = 7;
  const double low = std::pow(sigma_min, 1 / kRho);
  const double high = std::pow(sigma_max, 1 / kRho);
  std::vector<double> sigmas;
  for (const double ramp : Linspace(0, 1, count))
    sigmas.push_back(std::pow(high + ramp * (low - high), kRho));
  return sigmas;
}

std::vector<double> ExponentialSigmas(double sigma_min, double sigma_max, int64_t count) {
  std::vector<double> sigmas;
  for (const double logarithm : Linspace(std::log(sigma_max), std::log(sigma_min), count))
    sigmas.push_back(std::exp(logarithm));
  return sigmas;
}

std::vector<float> Logarithms(std::span<const float> values) {
  std::vector<float> logarithms;
  for (const float value : values) logarithms.push_back(std::log(value));
  return logarithms;
}

}  // namespace darkroom::diffusion
