// SPDX-License-Identifier: Apache-2.0
//
// ParallelFor splits 0..count among ATen's threads: body(begin, end, thread) with thread below
// ParallelThreads(). ATen's own parallel_for is a template that runs serially where OpenMP is off,
// so one file is compiled with it and the rest, which share a precompiled header, are not.
// Exceptions of the body reach the caller. Called from one thread at a time.

#ifndef DARKROOM_PLUGINS_COMMON_PARALLEL_H_
#define DARKROOM_PLUGINS_COMMON_PARALLEL_H_

#include <cstdint>
#include <functional>

namespace darkroom {

int64_t ParallelThreads();
void ParallelFor(int64_t count, const std::function<void(int64_t, int64_t, int64_t)>& body);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PARALLEL_H_
