// SPDX-License-Identifier: Apache-2.0
//
// Makes what an exported network gave into a job's outputs.
//
// Free functions; the instance's lane.

#ifndef DARKROOM_PLUGINS_EXPORTED_OUTPUTS_H_
#define DARKROOM_PLUGINS_EXPORTED_OUTPUTS_H_

#include <darkroom/plugin.hpp>
#include <optional>

#include "common/program/program.h"
#include "exported/arguments.h"
#include "exported/spec.h"

namespace darkroom::exported {

// Gives all outputs of the spec to `job`. `results`: of this job alone; where the spec is batched
// without the dimension that is one job each. Throws Error: DR_FAILED_PRECONDITION when the results
// are not what the spec says, DR_INTERNAL when one is not finite.
void GiveOutputs(const Spec& spec, const Results& results, const std::optional<Framing>& framing,
                 const Tokenizers& tokenizers, const Job& job);

// height x width x channels, uint8, on the CPU.
at::Tensor ToPicture(const PictureOutput& output, const at::Tensor& result,
                     const std::optional<Framing>& framing);

}  // namespace darkroom::exported

#endif  // DARKROOM_PLUGINS_EXPORTED_OUTPUTS_H_
