// SPDX-License-Identifier: Apache-2.0
//
// DevicePool is the devices of this host with their ledgers and their health, and who has models
// loaded on them. It lets Residency decide when something has changed, and when time has come.
//
// For the io_context's thread.

#ifndef DARKROOM_DEVICE_DEVICE_POOL_H_
#define DARKROOM_DEVICE_DEVICE_POOL_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "device/device.h"
#include "device/health.h"
#include "device/ledger.h"
#include "device/memory_book.h"
#include "device/residency.h"

namespace darkroom {

class DevicePool {
 public:
  // `memory_book`: MemoryBook's file.
  DevicePool(boost::asio::io_context& io, std::vector<Device> devices,
             std::chrono::milliseconds patience, std::filesystem::path memory_book = {});
  ~DevicePool();
  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  const std::vector<Device>& devices() const { return devices_; }
  Ledger& LedgerOf(const Device& device) const;
  Health& HealthOf(const Device& device) const { return *health_[IndexOf(device)]; }
  Residency& residency() { return residency_; }
  MemoryBook& memory_book() { return memory_book_; }

  // What ran on the device says that it is lost. `for_good`: in the daemon itself, so that no other
  // process can find out whether that is over.
  void ReportLoss(const Device& device, const Status& why, bool for_good);
  // Who sees to it. Its state has changed when this is called, or a probe is due.
  void WatchLosses(std::function<void(const Device&)> on_loss) { on_loss_ = std::move(on_loss); }

  // Something has changed: what is to be done about it is done soon, once for all changes.
  void Touch();

 private:
  size_t IndexOf(const Device& device) const {
    return static_cast<size_t>(&device - devices_.data());
  }
  void Consider();

  boost::asio::io_context& io_;
  const std::vector<Device> devices_;
  std::vector<std::unique_ptr<Ledger>> ledgers_;  // as devices_
  MemoryBook memory_book_;
  std::vector<std::unique_ptr<Health>> health_;  // as devices_
  std::function<void(const Device&)> on_loss_;
  Residency residency_;
  boost::asio::steady_timer again_;
  bool touched_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_DEVICE_POOL_H_
