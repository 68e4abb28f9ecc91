// SPDX-License-Identifier: Apache-2.0
//
// DevicePool is the devices of this host with their ledgers, and who has models loaded on them. It
// lets Residency decide when something has changed, and when time has come.
//
// For the io_context's thread.

#ifndef DARKROOM_DEVICE_DEVICE_POOL_H_
#define DARKROOM_DEVICE_DEVICE_POOL_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "device/device.h"
#include "device/ledger.h"
#include "device/residency.h"

namespace darkroom {

class DevicePool {
 public:
  DevicePool(boost::asio::io_context& io, std::vector<Device> devices,
             std::chrono::milliseconds patience);
  ~DevicePool();
  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  const std::vector<Device>& devices() const { return devices_; }
  Ledger& LedgerOf(const Device& device);
  const Ledger& LedgerOf(const Device& device) const;
  Residency& residency() { return residency_; }
  const Residency& residency() const { return residency_; }

  // Something has changed: what is to be done about it is done soon, once for all changes.
  void Touch();

 private:
  void Consider();

  boost::asio::io_context& io_;
  const std::vector<Device> devices_;
  std::vector<std::unique_ptr<Ledger>> ledgers_;  // as devices_
  Residency residency_;
  boost::asio::steady_timer again_;
  bool touched_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_DEVICE_POOL_H_
