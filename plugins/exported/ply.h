// SPDX-License-Identifier: Apache-2.0
//
// Writes points as a PLY file (Turk, "The PLY Polygon File Format", 1994), binary_little_endian,
// float properties: what viewers of point clouds and of Gaussian splats read.
//
// A pure function; any thread.

#ifndef DARKROOM_PLUGINS_EXPORTED_PLY_H_
#define DARKROOM_PLUGINS_EXPORTED_PLY_H_

#include <ATen/ATen.h>

#include <vector>

#include "exported/spec.h"

namespace darkroom::exported {

struct PlyColumns {
  const PlyOutput::Part& part;
  at::Tensor values;  // points x properties; of one property in any shape
};

// The file's bytes: uint8, one dimension, on the CPU. Throws Error (DR_FAILED_PRECONDITION) when
// the columns do not fit their names, or each other.
at::Tensor WritePly(const std::vector<PlyColumns>& columns);

}  // namespace darkroom::exported

#endif  // DARKROOM_PLUGINS_EXPORTED_PLY_H_
