// SPDX-License-Identifier: Apache-2.0

#include "device/device_pool.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace darkroom {

DevicePool::DevicePool(boost::asio::io_context& io, std::vector<Device> devices,
                       std::chrono::milliseconds patience, std::filesystem::path memory_book)
    : io_(io),
      devices_(std::move(devices)),
      memory_book_(std::move(memory_book)),
      residency_(patience),
      again_(io) {
  for (const Device& device : devices_) {
    ledgers_.push_back(std::make_unique<Ledger>(device.memory));
    health_.push_back(std::make_unique<Health>());
  }
}

DevicePool::~DevicePool() { *alive_ = false; }

Ledger& DevicePool::LedgerOf(const Device& device) const { return *ledgers_[IndexOf(device)]; }

void DevicePool::ReportLoss(const Device& device, const Status& why, bool for_good) {
  Health& health = HealthOf(device);
  const auto now = Job::Clock::now();
  if (for_good) {
    health.OnLostForGood(why, now);
  } else {
    health.OnLost(why, now);
  }
  if (on_loss_) on_loss_(device);
}

void DevicePool::Touch() {
  if (std::exchange(touched_, true)) return;
  boost::asio::post(io_, [this, alive = alive_] {
    if (!*alive) return;
    touched_ = false;
    Consider();
  });
}

void DevicePool::Consider() {
  const auto next = residency_.Consider(Job::Clock::now());
  again_.cancel();
  if (!next) return;
  again_.expires_at(*next);
  again_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Touch();
  });
}

}  // namespace darkroom
