// SPDX-License-Identifier: Apache-2.0
//
// LaMa, or another network of the same call, as a TorchScript archive: big-lama as it is published.
// It takes a picture and a mask, and gives the picture filled.
//
// A free function; what it gives is for the instance's lane.

#ifndef DARKROOM_PLUGINS_INPAINT_SCRIPT_FILLER_H_
#define DARKROOM_PLUGINS_INPAINT_SCRIPT_FILLER_H_

#include <ATen/ATen.h>

#include <memory>

#include "common/program/code_file.h"
#include "inpaint/filler.h"

namespace darkroom::inpaint {

// Throws Error (DR_FAILED_PRECONDITION) for what is no TorchScript archive.
std::unique_ptr<Filler> OpenScriptFiller(CodeBytes bytes, at::Device device);

}  // namespace darkroom::inpaint

#endif  // DARKROOM_PLUGINS_INPAINT_SCRIPT_FILLER_H_
