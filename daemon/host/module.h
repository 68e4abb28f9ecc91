// SPDX-License-Identifier: Apache-2.0
//
// Module is one opened copy of a plugin's file: its entry called, its table of functions checked.
// The file stays mapped while anybody holds the Module, which is shared by the plugin's instances
// and by Buffers that hold its tensors; the last one to let go calls the plugin's shutdown and
// closes the file.
//
// Open is called on the control thread. info(), table() and metrics() may be read from any thread.
// The last holder lets go after every instance has been destroyed, so that shutdown never overlaps
// another call.

#ifndef DARKROOM_HOST_MODULE_H_
#define DARKROOM_HOST_MODULE_H_

#include <darkroom/plugin.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/model_info.h"
#include "core/status.h"
#include "host/host_api.h"
#include "host/metrics.h"

namespace darkroom::host {

using LogFunction = std::function<void(LogLevel, std::string_view)>;

class Module {
 public:
  // Opens the file and calls its entry. `log` takes what the plugin says outside its instances; may
  // be empty.
  static Result<std::shared_ptr<Module>> Open(const std::string& path, ModelInfo info,
                                              LogFunction log);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ~Module();

  const ModelInfo& info() const { return info_; }
  const dr_plugin_t& table() const { return *table_; }
  // Of a plugin that runs jobs in steps, else nullptr.
  const dr_stepwise_t* stepwise() const { return stepwise_; }
  // Of one whose runs can be written down, else nullptr.
  const dr_checkpoint_t* checkpoint() const { return checkpoint_; }
  Metrics& metrics() { return metrics_; }

 private:
  class Services;
  struct Library;

  Module(ModelInfo info, LogFunction log);

  Status OpenLibrary(const std::string& path);
  Status CallEntry();
  Status CheckTable(const dr_plugin_t& table);
  const void* FindExtension(const char* id);
  Status FindExtensions();
  Status Wrong(const std::string& what);  // that the plugin did

  const ModelInfo info_;
  Metrics metrics_;
  std::unique_ptr<Library> library_;  // before what points into it
  std::unique_ptr<Services> services_;
  const dr_plugin_t* table_ = nullptr;  // set once it may be called
  const dr_stepwise_t* stepwise_ = nullptr;
  const dr_checkpoint_t* checkpoint_ = nullptr;
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_MODULE_H_
