// SPDX-License-Identifier: Apache-2.0

#include "worker/worker_host.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace darkroom {

WorkerHost::WorkerHost(boost::asio::io_context& io, WorkerSetUp set_up, Logger& log)
    : io_(io), set_up_(std::move(set_up)), log_(log) {}

WorkerHost::~WorkerHost() { *alive_ = false; }

void WorkerHost::Open(const PluginToOpen& plugin, Opened opened, Lost lost) {
  std::shared_ptr<Worker> worker = worker_.lock();
  if (worker == nullptr || worker->condemned()) {
    auto started = Worker::Start(io_, set_up_, log_);
    if (!started.ok()) {
      boost::asio::post(io_,
                        [alive = alive_, opened = std::move(opened), status = started.status()] {
                          if (*alive) opened(status);
                        });
      return;
    }
    worker = std::move(*started);
    worker_ = worker;
  }
  const uint64_t number = ++last_number_;
  auto& opening = opening_[number];
  opening = std::make_unique<RemotePlugin>(std::move(worker), std::move(lost));
  opening->Open(plugin, [this, number, opened = std::move(opened)](const Status& status) {
    OnOpened(number, status, opened);
  });
}

void WorkerHost::OnOpened(uint64_t number, const Status& status, const Opened& opened) {
  const auto found = opening_.find(number);
  std::unique_ptr<RemotePlugin> plugin = std::move(found->second);
  opening_.erase(found);
  if (status.ok()) {
    opened(std::unique_ptr<HostedPlugin>(std::move(plugin)));
    return;
  }
  // It is in the middle of telling this, and goes when it has.
  boost::asio::post(io_, [plugin = std::shared_ptr<RemotePlugin>(std::move(plugin))] {});
  opened(status);
}

}  // namespace darkroom
