// SPDX-License-Identifier: Apache-2.0
//
// What an instance holds of memory through the host: leases (the right to so many bytes of its
// device, accounted and not allocated) and scratch memory. Both are given back at the latest when
// its unload has returned, whatever the plugin forgot.
//
// Used on the instance's lane thread only.

#ifndef DARKROOM_HOST_LANE_MEMORY_H_
#define DARKROOM_HOST_LANE_MEMORY_H_

#include <darkroom/plugin.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "core/status.h"

namespace darkroom::host {

// The alignment of all memory that the host gives to plugins: a cache line, and the widest vector
// register.
inline constexpr size_t kAlignment = 64;

// Uninitialised memory, aligned, at least one byte; nullptr if there is none. Freed by FreeAligned.
void* AllocateAligned(size_t size);
void FreeAligned(void* data);

class LaneMemory {
 public:
  LaneMemory() = default;
  LaneMemory(const LaneMemory&) = delete;
  LaneMemory& operator=(const LaneMemory&) = delete;
  ~LaneMemory();

  // What leases may add up to; UINT64_MAX: no limit, as at first.
  void SetBudget(uint64_t bytes) { budget_ = bytes; }
  void AddToBudget(uint64_t bytes) { budget_ += bytes; }
  // By how much a lease of so many bytes more would exceed it.
  uint64_t Missing(uint64_t bytes) const;

  Result<dr_lease_t*> Reserve(uint64_t bytes);
  // False if it is no lease of this instance.
  bool Release(dr_lease_t* lease);

  Result<void*> Allocate(dr_device_t device, uint64_t bytes);
  // False if it is no memory of this instance.
  bool Free(void* data);

  struct Left {
    size_t leases = 0;
    size_t blocks = 0;
    uint64_t bytes = 0;  // of both
  };
  // Gives everything back, and tells what there was.
  Left ReleaseAll();

  uint64_t leased() const { return leased_; }

 private:
  uint64_t budget_ = UINT64_MAX;
  uint64_t leased_ = 0;
  std::unordered_map<dr_lease_t*, std::unique_ptr<dr_lease_t>> leases_;
  std::unordered_map<void*, uint64_t> blocks_;  // with their sizes
};

}  // namespace darkroom::host

// The ABI's opaque handle.
struct dr_lease {
  uint64_t bytes;
};

#endif  // DARKROOM_HOST_LANE_MEMORY_H_
