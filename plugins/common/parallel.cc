// SPDX-License-Identifier: Apache-2.0

#include "common/parallel.h"

#include <ATen/Parallel.h>

#if !defined(_OPENMP)
#error "compile this file with OpenMP: without it ATen's parallel_for is serial"
#endif

namespace darkroom {

int64_t ParallelThreads() { return at::get_num_threads(); }

void ParallelFor(int64_t count, const std::function<void(int64_t, int64_t, int64_t)>& body) {
  at::parallel_for(0, count, 1,
                   [&](int64_t begin, int64_t end) { body(begin, end, at::get_thread_num()); });
}

}  // namespace darkroom
