// SPDX-License-Identifier: Apache-2.0
//
// Opens the CUDA half of libtorch for good, and says in words for whoever runs the host what is
// missing where that fails: the library itself, one that it needs, or a driver that is new enough.
// Its own errors are the loader's, or come only with the first tensor.
//
// Control thread only.

#ifndef DARKROOM_HOST_CUDA_LIBRARIES_H_
#define DARKROOM_HOST_CUDA_LIBRARIES_H_

#include <string>

#include "core/status.h"

namespace darkroom::host {

// `folder` holds libtorch_cpu.so; `version` is that of libtorch, such as "2.11". An error is
// kFailedPrecondition.
Status OpenCudaLibraries(const std::string& folder, const std::string& version);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_CUDA_LIBRARIES_H_
