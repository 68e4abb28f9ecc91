// SPDX-License-Identifier: Apache-2.0
//
// WorkerHost hosts plugins in a worker process. It starts the process when the first plugin is
// opened, and another when that one is gone.
//
// For the io_context's thread.

#ifndef DARKROOM_WORKER_WORKER_HOST_H_
#define DARKROOM_WORKER_WORKER_HOST_H_

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>

#include "core/log.h"
#include "worker/hosted_plugin.h"
#include "worker/remote_plugin.h"
#include "worker/worker.h"

namespace darkroom {

class WorkerHost final : public PluginHost {
 public:
  WorkerHost(boost::asio::io_context& io, WorkerSetUp set_up, Logger& log);
  ~WorkerHost() override;

  void Open(const PluginToOpen& plugin, Opened opened, Lost lost) override;
  std::vector<std::string> LastLines() const override {
    return set_up_.tail == nullptr ? std::vector<std::string>() : set_up_.tail->Lines();
  }

 private:
  void OnOpened(uint64_t number, const Status& status, const Opened& opened);

  boost::asio::io_context& io_;
  const WorkerSetUp set_up_;
  Logger& log_;
  std::weak_ptr<Worker> worker_;  // lives as long as a plugin of its does
  std::map<uint64_t, std::unique_ptr<RemotePlugin>> opening_;
  uint64_t last_number_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_WORKER_HOST_H_
