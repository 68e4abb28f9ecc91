// SPDX-License-Identifier: Apache-2.0
//
// Opens AOTInductor packages (torch._inductor.aoti_compile_and_package) as Programs.
//
// A free function; the instance's lane.

#ifndef DARKROOM_PLUGINS_EXPORTED_PACKAGE_PROGRAM_H_
#define DARKROOM_PLUGINS_EXPORTED_PACKAGE_PROGRAM_H_

#include <ATen/ATen.h>

#include <memory>

#include "common/checkpoint.h"
#include "common/program/program.h"

namespace darkroom::exported {

// `weights`: those of a package that was made without; they stay mapped as long as the program
// lives. nullptr: it has its own. Throws Error (DR_FAILED_PRECONDITION) for what is no such file,
// or not for this machine.
std::unique_ptr<Program> OpenPackage(CodeBytes bytes, const Checkpoint* weights, at::Device device);

}  // namespace darkroom::exported

#endif  // DARKROOM_PLUGINS_EXPORTED_PACKAGE_PROGRAM_H_
