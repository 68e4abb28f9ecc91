// SPDX-License-Identifier: Apache-2.0

#include "device/device_pool.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace darkroom {

DevicePool::DevicePool(boost::asio::io_context& io, std::vector<Device> devices,
                       std::chrono::milliseconds patience)
    : io_(io), devices_(std::move(devices)), residency_(patience), again_(io) {
  for (const Device& device : devices_) {
    ledgers_.push_back(std::make_unique<Ledger>(device.memory));
  }
}

DevicePool::~DevicePool() { *alive_ = false; }

Ledger& DevicePool::LedgerOf(const Device& device) {
  return *ledgers_[static_cast<size_t>(&device - devices_.data())];
}

const Ledger& DevicePool::LedgerOf(const Device& device) const {
  return *ledgers_[static_cast<size_t>(&device - devices_.data())];
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
