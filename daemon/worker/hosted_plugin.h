// SPDX-License-Identifier: Apache-2.0
//
// Where plugins run, as lanes and those who supervise them see it: a worker process or the daemon
// itself. A PluginHost opens plugins; a HostedPlugin is one that is open and makes instances, which
// are driven by host::Instance and answer by host::Events wherever they are.
//
// For the io_context's thread, which also hears all answers; nothing here blocks. Instances are
// destroyed before their HostedPlugin, that before its PluginHost.

#ifndef DARKROOM_WORKER_HOSTED_PLUGIN_H_
#define DARKROOM_WORKER_HOSTED_PLUGIN_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "host/host_api.h"

namespace darkroom {

// What is left of a plugin that was closed.
struct CloseOutcome {
  bool resident = false;  // its code is still mapped into a process that goes on
};

class HostedPlugin {
 public:
  virtual ~HostedPlugin() = default;

  // Starts to make an instance; `events` hears OnCreated, then is answered as host_api.h says.
  virtual std::unique_ptr<host::Instance> Create(const host::InstanceSpec& spec,
                                                 host::Events* events) = 0;

  // Ends what hosts the plugin, with whatever runs there: instances hear OnLost(why). False: that
  // cannot be done, since it runs in the daemon.
  virtual bool Kill(const Status& why) = 0;

  // Shuts the plugin down once its instances are gone. `done` is not called if this is destroyed
  // before.
  virtual void Close(std::function<void(CloseOutcome)> done) = 0;

  // The process that it runs in.
  virtual pid_t pid() const = 0;
};

// Which file to open.
struct PluginToOpen {
  std::string path;      // absolute
  std::string manifest;  // JSON, read and checked before
};

class PluginHost {
 public:
  using Opened = std::function<void(Result<std::unique_ptr<HostedPlugin>>)>;
  using Lost = std::function<void(const Status& why)>;

  virtual ~PluginHost() = default;

  // Opens a plugin; `opened` is told the outcome later. If it is lost after that, `lost` is called
  // once, after its instances' OnLost.
  virtual void Open(const PluginToOpen& plugin, Opened opened, Lost lost) = 0;

  // What was said there last, oldest first, across what was lost since; nothing if that is not told
  // apart from the daemon's own log.
  virtual std::vector<std::string> LastLines() const { return {}; }
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_HOSTED_PLUGIN_H_
