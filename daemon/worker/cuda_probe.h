// SPDX-License-Identifier: Apache-2.0
//
// A small computation on a CUDA device by the driver's own interface: a context is made, memory is
// filled there twice and read back. It needs no libtorch and no CUDA runtime, and so says how the
// device is, and not how those are.
//
// A function for a process of its own, on its only thread: a driver may hang, or leave behind a
// context that is good for nothing.

#ifndef DARKROOM_WORKER_CUDA_PROBE_H_
#define DARKROOM_WORKER_CUDA_PROBE_H_

#include <cstdint>

#include "core/status.h"

namespace darkroom {

// `index` counts as workers of this environment count: by CUDA_VISIBLE_DEVICES and
// CUDA_DEVICE_ORDER. A device without memory for it has answered all the same.
Status ComputeOnCuda(int32_t index);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_CUDA_PROBE_H_
