// SPDX-License-Identifier: Apache-2.0
//
// A device of ATen's that is not the CPU, for hosts without a GPU: what a network does wrong on a
// GPU and not on the CPU it does wrong here, too, and fails.
//
//   - Its memory cannot be touched from the host (memory.h).
//   - Tensors of the host and of the device do not go into one function together, save numbers (of
//     no dimension) and indices, as with CUDA: an error names the function.
//   - Copies that need not be waited for (non_blocking, from page-locked memory) are made when
//     somebody waits for them or computes on the device, and no sooner: who writes to the source
//     meanwhile spoils them.
//
// What is computed the CPU computes, on copies, in its own order: results equal the CPU's, but for
// attention and convolutions, which go other ways.
//
// Linking this registers it, as torch's PrivateUse1. Threads: any, one at a time.

#ifndef DARKROOM_TESTS_PLUGINS_COMMON_APART_DEVICE_H_
#define DARKROOM_TESTS_PLUGINS_COMMON_APART_DEVICE_H_

#include <ATen/ATen.h>

#include <cstddef>

namespace darkroom::apart {

at::Device Device();

// How many functions it has computed, and how many copies have not been made yet.
size_t Computed();
size_t Waiting();

// How often page-locked memory is still given.
void AllowLocked(size_t times);

}  // namespace darkroom::apart

#endif  // DARKROOM_TESTS_PLUGINS_COMMON_APART_DEVICE_H_
