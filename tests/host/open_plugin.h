// SPDX-License-Identifier: Apache-2.0
//
// Opens plugins for tests the way the daemon does: the host library at run time, the manifest from
// the file.

#ifndef DARKROOM_TESTS_HOST_OPEN_PLUGIN_H_
#define DARKROOM_TESTS_HOST_OPEN_PLUGIN_H_

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/host_api.h"
#include "plugin/host_library.h"
#include "plugin/registry.h"
#include "tests/host/recorder.h"

namespace darkroom::host {

// What plugins say outside their instances.
class PluginLog {
 public:
  void Add(std::string_view message) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(message);
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// A host, and whatever plugin was opened last. Members go in reverse order, as the interface asks
// for.
struct OpenHost {
  explicit OpenHost(HostOptions options = {}) {
    options.log = [log = log](LogLevel, std::string_view message) { log->Add(message); };
    Result<std::unique_ptr<HostLibrary>> opened = HostLibrary::Open(DARKROOM_HOST_LIBRARY, options);
    if (opened.ok()) library = *std::move(opened);
    status = opened.status();
  }

  Status Open(const std::string& path) {
    Result<PluginFile> file = ReadPluginFile(path);
    if (!file.ok()) return status = file.status();
    Result<std::unique_ptr<Plugin>> opened = library->host().Open(file->path, file->manifest_json);
    if (opened.ok()) plugin = *std::move(opened);
    return status = opened.status();
  }

  std::shared_ptr<PluginLog> log = std::make_shared<PluginLog>();
  Status status;
  std::unique_ptr<HostLibrary> library;
  std::unique_ptr<Plugin> plugin;
};

inline HostJob MakeJob(uint64_t token, std::string_view rule, std::string_view data = "hello") {
  HostJob job;
  job.token = token;
  job.id = "job-" + std::to_string(token);
  job.params = "{\"rule\":\"" + std::string(rule) + "\"}";
  job.inputs.push_back({"data", "", AsBytes(data)});
  return job;
}

template <typename... Jobs>
std::vector<HostJob> Batch(Jobs&&... jobs) {
  std::vector<HostJob> batch;
  (batch.push_back(std::forward<Jobs>(jobs)), ...);
  return batch;
}

}  // namespace darkroom::host

#endif  // DARKROOM_TESTS_HOST_OPEN_PLUGIN_H_
