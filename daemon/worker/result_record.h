// SPDX-License-Identifier: Apache-2.0
//
// A job's result as it crosses from a worker: a record with everything but the outputs' bytes,
// which lie in the arena.
//
// Plain functions, any thread.

#ifndef DARKROOM_WORKER_RESULT_RECORD_H_
#define DARKROOM_WORKER_RESULT_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/host_api.h"
#include "worker/records.h"

namespace darkroom {

// Where an output's bytes lie in the arena.
struct OutputPlace {
  uint64_t offset = 0;
  uint64_t size = 0;
};

// `places` are those of the result's outputs, in their order.
void WriteResult(std::vector<std::byte>* packet, uint32_t instance, uint64_t token,
                 const host::JobResult& result, const std::vector<OutputPlace>& places);

struct ResultRecord {
  uint64_t token = 0;
  host::JobResult result;  // its outputs have no bytes yet
  std::vector<OutputPlace> places;
};

// False: it is no result. Whether the places lie where they may is for the caller to check.
bool ReadResult(RecordReader* in, ResultRecord* out);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_RESULT_RECORD_H_
