// SPDX-License-Identifier: Apache-2.0

#include "host/lane_memory.h"

#include <algorithm>
#include <new>
#include <string>

namespace darkroom::host {
namespace {

constexpr int32_t kCpu = 1;  // DLPack's code

}  // namespace

void* AllocateAligned(size_t size) {
  return ::operator new(size == 0 ? 1 : size, std::align_val_t{kAlignment}, std::nothrow);
}

void FreeAligned(void* data) { ::operator delete(data, std::align_val_t{kAlignment}); }

LaneMemory::~LaneMemory() { ReleaseAll(); }

uint64_t LaneMemory::Missing(uint64_t bytes) const {
  if (bytes > UINT64_MAX - leased_) return bytes;
  return leased_ + bytes - std::min(leased_ + bytes, budget_);
}

Result<dr_lease_t*> LaneMemory::Reserve(uint64_t bytes) {
  if (bytes > UINT64_MAX - leased_ || Missing(bytes) > 0) {
    return Status::ResourceExhausted("a lease of " + std::to_string(bytes) + " bytes beside " +
                                     std::to_string(leased_) + " held exceeds the budget of " +
                                     std::to_string(budget_));
  }
  auto lease = std::make_unique<dr_lease_t>(dr_lease_t{bytes});
  dr_lease_t* handle = lease.get();
  leases_.emplace(handle, std::move(lease));
  leased_ += bytes;
  return handle;
}

bool LaneMemory::Release(dr_lease_t* lease) {
  const auto found = leases_.find(lease);
  if (found == leases_.end()) return false;
  leased_ -= found->second->bytes;
  leases_.erase(found);
  return true;
}

Result<void*> LaneMemory::Allocate(dr_device_t device, uint64_t bytes) {
  if (device.type != kCpu) {
    return Status(Code::kUnimplemented, "the host has no scratch memory on device type " +
                                            std::to_string(device.type) + ", only on the CPU");
  }
  void* data = AllocateAligned(bytes);
  if (data == nullptr) {
    return Status::ResourceExhausted("no host memory for " + std::to_string(bytes) + " bytes");
  }
  blocks_.emplace(data, bytes);
  return data;
}

bool LaneMemory::Free(void* data) {
  if (blocks_.erase(data) == 0) return false;
  FreeAligned(data);
  return true;
}

LaneMemory::Left LaneMemory::ReleaseAll() {
  Left left{leases_.size(), blocks_.size(), leased_};
  for (const auto& [data, bytes] : blocks_) {
    left.bytes += bytes;
    FreeAligned(data);
  }
  blocks_.clear();
  leases_.clear();
  leased_ = 0;
  return left;
}

}  // namespace darkroom::host
