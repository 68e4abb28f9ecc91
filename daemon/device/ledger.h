// SPDX-License-Identifier: Apache-2.0
//
// Ledger says who holds how much of one device's memory. Nothing is loaded without a lease, and
// leases never add up to more than the budget. While the device cannot be used its ledger is
// closed: whoever would load something waits.
//
// For the io_context's thread. Whoever takes a lease gives it back.

#ifndef DARKROOM_DEVICE_LEDGER_H_
#define DARKROOM_DEVICE_LEDGER_H_

#include <cstdint>
#include <unordered_map>

namespace darkroom {

class Ledger {
 public:
  // Bytes; 0: no limit.
  explicit Ledger(uint64_t budget) : budget_(budget) {}

  bool Fits(uint64_t bytes) const { return budget_ == 0 || bytes <= budget_ - leased_; }
  // False: there is no room, and nothing has changed. A holder may have several.
  bool Lease(const void* holder, uint64_t bytes) {
    if (!Fits(bytes)) return false;
    leased_ += bytes;
    held_[holder] += bytes;
    return true;
  }
  // All that it holds.
  void Release(const void* holder) {
    const auto found = held_.find(holder);
    if (found == held_.end()) return;
    leased_ -= found->second;
    held_.erase(found);
  }

  void SetOpen(bool open) { open_ = open; }
  bool open() const { return open_; }

  uint64_t budget() const { return budget_; }
  uint64_t leased() const { return leased_; }
  uint64_t HeldBy(const void* holder) const {
    const auto found = held_.find(holder);
    return found == held_.end() ? 0 : found->second;
  }

 private:
  const uint64_t budget_;
  uint64_t leased_ = 0;
  bool open_ = true;
  std::unordered_map<const void*, uint64_t> held_;
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_LEDGER_H_
