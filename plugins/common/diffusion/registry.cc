// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/registry.h"

#include <darkroom/plugin.hpp>
#include <string_view>

namespace darkroom::diffusion {
namespace {

struct Name {
  const char* name;
  SchedulerKind kind;
  bool free_sigmas;   // also with _karras and _exponential
  int64_t order = 0;  // 0: the folder's
  bool stochastic = false;
  bool trailing = false;
};

constexpr Name kNames[] = {
    {"euler", SchedulerKind::kEuler, true},
    {"euler_a", SchedulerKind::kEulerAncestral, false},
    {"heun", SchedulerKind::kHeun, true},
    {"ddim", SchedulerKind::kDdim, false},
    {"pndm", SchedulerKind::kPndm, false},
    {"dpmpp_2m", SchedulerKind::kDpmMultistep, true, 2},
    {"dpmpp_2m_sde", SchedulerKind::kDpmMultistep, true, 2, true},
    {"dpmpp_3m", SchedulerKind::kDpmMultistep, true, 3},
    {"dpmpp_3m_sde", SchedulerKind::kDpmMultistep, true, 3, true},
    {"dpmpp_2s", SchedulerKind::kDpmSinglestep, true, 2},
    {"unipc", SchedulerKind::kUniPc, true},
    {"lcm", SchedulerKind::kLcm, false},
    {"tcd", SchedulerKind::kTcd, false},
    {"lightning", SchedulerKind::kEuler, false, 0, false, true},
    {"turbo", SchedulerKind::kEulerAncestral, false, 0, false, true},
};

constexpr std::string_view kDefault = "default";
constexpr std::string_view kKarras = "_karras";
constexpr std::string_view kExponential = "_exponential";

// What comes behind the entry's own name, if it is a name of this entry.
bool Matches(const Name& entry, std::string_view name, std::string_view* rest) {
  if (!name.starts_with(entry.name)) return false;
  *rest = name.substr(std::string_view(entry.name).size());
  return rest->empty() || (entry.free_sigmas && (*rest == kKarras || *rest == kExponential));
}

}  // namespace

std::vector<std::string> SchedulerNames() {
  std::vector<std::string> names = {std::string(kDefault)};
  for (const Name& entry : kNames) {
    names.emplace_back(entry.name);
    if (!entry.free_sigmas) continue;
    for (const std::string_view rest : {kKarras, kExponential})
      names.push_back(entry.name + std::string(rest));
  }
  return names;
}

SchedulerConfig NamedScheduler(const JsonConfig& file, const std::string& name) {
  if (name == kDefault) return ReadSchedulerConfig(file, KindOf(file));
  std::string_view rest;
  for (const Name& entry : kNames) {
    if (!Matches(entry, name, &rest)) continue;
    SchedulerConfig config = ReadSchedulerConfig(file, entry.kind);
    if (entry.order != 0) config.solver_order = entry.order;
    if (entry.order != 0) config.stochastic = entry.stochastic;
    if (entry.trailing) config.timestep_spacing = Spacing::kTrailing;
    config.use_karras_sigmas = rest == kKarras;
    config.use_exponential_sigmas = rest == kExponential;
    config.use_beta_sigmas = false;
    config.use_lu_lambdas = false;
    return config;
  }
  std::string names;
  for (const std::string& known : SchedulerNames()) names += (names.empty() ? "" : ", ") + known;
  throw Error(DR_INVALID_ARGUMENT, "scheduler is \"" + name + "\", expected one of: " + names);
}

}  // namespace darkroom::diffusion
