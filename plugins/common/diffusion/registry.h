// SPDX-License-Identifier: Apache-2.0
//
// The names that a request's param "scheduler" may have, and what each makes of the config in a
// model's folder: the named scheduler with the fields that both have, as diffusers' from_config.
//
// | name | class | what the name sets |
// |---|---|---|
// | default | the folder's own | nothing |
// | euler | EulerDiscreteScheduler | |
// | euler_a | EulerAncestralDiscreteScheduler | |
// | heun | HeunDiscreteScheduler | |
// | ddim | DDIMScheduler | |
// | pndm | PNDMScheduler | |
// | dpmpp_2m | DPMSolverMultistepScheduler | dpmsolver++, order 2 |
// | dpmpp_2m_sde | the same | sde-dpmsolver++, order 2 |
// | dpmpp_3m, dpmpp_3m_sde | the same | order 3 |
// | dpmpp_2s | DPMSolverSinglestepScheduler | dpmsolver++, order 2 |
// | unipc | UniPCMultistepScheduler | |
// | lcm, tcd | LCMScheduler, TCDScheduler | |
// | lightning | EulerDiscreteScheduler | timestep_spacing trailing |
// | turbo | EulerAncestralDiscreteScheduler | timestep_spacing trailing |
//
// euler, heun, unipc and the dpmpp_* also with _karras or _exponential behind: a name says the
// spacing of sigmas whatever the folder says. lightning and turbo are for networks that were
// distilled for it, and run without guidance; lcm and tcd for theirs.
//
// Pure functions: any thread.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_REGISTRY_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_REGISTRY_H_

#include <string>
#include <vector>

#include "common/diffusion/scheduler_config.h"

namespace darkroom::diffusion {

std::vector<std::string> SchedulerNames();

// Throws Error: DR_INVALID_ARGUMENT for a name that is not in the list, DR_FAILED_PRECONDITION that
// names file and field for what is not implemented in the folder's config.
SchedulerConfig NamedScheduler(const JsonConfig& file, const std::string& name);

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_REGISTRY_H_
