// SPDX-License-Identifier: Apache-2.0

#define DARKROOM_VECTOR_FLOATS 8
#define DARKROOM_ROWS 6
#include "enhance/winograd_kernels.inc"

namespace darkroom {

const WinogradKernels kWinogradAvx2 = {"avx2", TransformInput, Multiply, TransformOutput};

}  // namespace darkroom
