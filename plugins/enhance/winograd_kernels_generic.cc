// SPDX-License-Identifier: Apache-2.0

#define DARKROOM_VECTOR_FLOATS 4
#define DARKROOM_ROWS 4
#include "enhance/winograd_kernels.inc"

namespace darkroom {

const WinogradKernels kWinogradGeneric = {"generic", TransformInput, Multiply, TransformOutput};

}  // namespace darkroom
