// SPDX-License-Identifier: Apache-2.0
//
// The schedulers that there are, each in a file of its own. MakeScheduler chooses; nobody else
// calls these.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULERS_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULERS_H_

#include <memory>

#include "common/diffusion/scheduler.h"

namespace darkroom::diffusion {

using SchedulerPointer = std::unique_ptr<const Scheduler>;

SchedulerPointer MakeEuler(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeEulerAncestral(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeHeun(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeDdim(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeLcm(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeTcd(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakePndm(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeDpmMultistep(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeDpmSinglestep(const SchedulerConfig& config, const SamplingParams& params);
SchedulerPointer MakeUniPc(const SchedulerConfig& config, const SamplingParams& params);

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_SCHEDULERS_H_
