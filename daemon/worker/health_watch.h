// SPDX-License-Identifier: Apache-2.0
//
// HealthWatch keeps an eye on the devices: it has them probed when their Health says so, and acts
// on what becomes of it. A device that cannot be used is given no batches and nothing is loaded
// there; when it is quarantined, the workers that still have models on it are ended, so that their
// jobs come back. docs/health.md tells the rules.
//
// For the io_context's thread, and not to be destroyed while that runs: lanes report losses to it.

#ifndef DARKROOM_WORKER_HEALTH_WATCH_H_
#define DARKROOM_WORKER_HEALTH_WATCH_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/log.h"
#include "device/device_pool.h"
#include "worker/lane.h"
#include "worker/probe.h"

namespace darkroom {

class HealthWatch {
 public:
  struct Parts {
    boost::asio::io_context& io;
    const HealthConfig& config;
    DevicePool& pool;
    const std::vector<std::unique_ptr<Lane>>& lanes;
    std::string worker_program;
    std::filesystem::path state_dir;
    Logger& log;
    std::function<void()> on_changed;  // a device's state, or that it is settled
  };

  // All of it must outlive this.
  explicit HealthWatch(Parts parts);

  void Start();  // to probe; once

  // It is known of each device how it is, and one of those that count can be used.
  bool ready() const;
  // Every device can be used.
  bool all_healthy() const;
  // Whether there is hope: one of the devices that count can be used, or could be a while ago.
  bool hopeful(Health::Time now) const;
  // What is wrong, in a line: "sim:0 is quarantined: ..."; empty if nothing is.
  std::string Summary() const;

 private:
  struct Watched {
    Watched(const Parts& parts, const Device& its_device, bool it_counts);

    const Device* const device;
    Health* const health;
    const bool counts;  // a daemon without any of these is of no use
    Probe probe;
    boost::asio::steady_timer timer;
    HealthState acted_on = HealthState::kHealthy;
    bool told_settled = false;
  };

  void OnLoss(const Device& device);
  void Schedule(Watched* one);
  void StartProbe(Watched* one);
  void Act(Watched* one);
  void EndWorkers(const Watched& one);
  void Log(const Watched& one) const;

  const Parts parts_;
  std::vector<std::unique_ptr<Watched>> watched_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_HEALTH_WATCH_H_
