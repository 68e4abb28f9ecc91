// SPDX-License-Identifier: Apache-2.0
//
// RemotePlugin is a plugin that is open in a worker process.
//
// For the io_context's thread.

#ifndef DARKROOM_WORKER_REMOTE_PLUGIN_H_
#define DARKROOM_WORKER_REMOTE_PLUGIN_H_

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "worker/hosted_plugin.h"
#include "worker/worker.h"

namespace darkroom {

class RemotePlugin final : public HostedPlugin, private WorkerUser {
 public:
  using OnOpened = std::function<void(Status)>;  // once, unless it is destroyed first

  // `lost` as for PluginHost::Open.
  RemotePlugin(std::shared_ptr<Worker> worker, PluginHost::Lost lost);
  ~RemotePlugin() override;

  void Open(const PluginToOpen& plugin, OnOpened on_opened);

  std::unique_ptr<host::Instance> Create(const host::InstanceSpec& spec,
                                         host::Events* events) override;
  bool Kill(const Status& why) override;
  void Close(std::function<void(CloseOutcome)> done) override;
  pid_t pid() const override { return worker_->pid(); }

 private:
  bool OnRecord(RecordKind kind, RecordReader* body) override;
  void OnWorkerLost(const Status& why) override;
  // The plugin's own code is about to run on the worker's control thread, and gets so long.
  void StartCommand(const char* what, std::chrono::milliseconds allowed);
  void EndCommand();
  void TellToClose();

  const std::shared_ptr<Worker> worker_;
  const PluginHost::Lost lost_;
  const uint32_t number_;
  boost::asio::steady_timer limit_;
  bool in_command_ = false;
  bool open_ = false;
  OnOpened on_opened_;
  std::function<void(CloseOutcome)> on_closed_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_REMOTE_PLUGIN_H_
