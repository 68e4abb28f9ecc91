// SPDX-License-Identifier: Apache-2.0
//
// InProcessHost hosts plugins in the daemon itself: `isolation: in-process`. It opens the host
// library when the first plugin is opened, and has a control thread of its own, on which plugins
// are opened, closed and asked for instances, so that the io_context never waits for them.
//
// For the io_context's thread. A plugin here has the daemon's rights and can take it down; a call
// into one that does not return keeps the destructor waiting.

#ifndef DARKROOM_WORKER_IN_PROCESS_HOST_H_
#define DARKROOM_WORKER_IN_PROCESS_HOST_H_

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "core/log.h"
#include "core/task_threads.h"
#include "plugin/host_library.h"
#include "worker/hosted_plugin.h"

namespace darkroom {

class InProcessHost final : public PluginHost {
 public:
  // `library` is libdarkroom-host.so.
  InProcessHost(boost::asio::io_context& io, std::string library, host::HostOptions options,
                Logger& log);
  ~InProcessHost() override;

  void Open(const PluginToOpen& plugin, Opened opened, Lost lost) override;

 private:
  boost::asio::io_context& io_;
  const std::string library_path_;
  const host::HostOptions options_;
  Logger& log_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<HostLibrary> library_;  // the control thread's
  std::shared_ptr<TaskThreads> control_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_IN_PROCESS_HOST_H_
