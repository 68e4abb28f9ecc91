// SPDX-License-Identifier: Apache-2.0
//
// What an instance has added to its plugin's metrics, as it crosses from a worker.
//
// Plain functions, any thread.

#ifndef DARKROOM_WORKER_METRIC_RECORD_H_
#define DARKROOM_WORKER_METRIC_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/host_api.h"
#include "worker/records.h"

namespace darkroom {

void WriteMetrics(std::vector<std::byte>* packet, uint32_t instance,
                  const std::vector<host::MetricValue>& values);

// False: they are none, or more than a plugin may have, or what no host would have let it say.
bool ReadMetrics(RecordReader* in, std::vector<host::MetricValue>* values);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_METRIC_RECORD_H_
