// SPDX-License-Identifier: Apache-2.0

#define DARKROOM_VECTOR_FLOATS 16
#define DARKROOM_ROWS 12
#include "enhance/winograd_kernels.inc"

namespace darkroom {

const WinogradKernels kWinogradAvx512 = {"avx512", TransformInput, Multiply, TransformOutput};

}  // namespace darkroom
