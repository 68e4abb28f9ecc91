// SPDX-License-Identifier: Apache-2.0
//
// MiniHost is the least of a host: it opens one plugin file, makes one instance of it on the CPU
// and runs one job at a time with a single image. For tests and for the benchmark, which want the
// plugin as it is, without a daemon around it.
//
// One thread. It owns what it opened; the file stays mapped, as the manifest of a plugin on
// libtorch asks.

#ifndef DARKROOM_TESTS_PLUGINS_ENHANCE_MINI_HOST_H_
#define DARKROOM_TESTS_PLUGINS_ENHANCE_MINI_HOST_H_

#include <darkroom/plugin.h>

#include <cstdint>
#include <string>
#include <vector>

namespace darkroom {

struct Picture {
  std::vector<int64_t> shape;  // height, width, channels
  std::vector<uint8_t> bytes;
};

class MiniHost {
 public:
  // Throws std::runtime_error when the file does not open.
  explicit MiniHost(const std::string& plugin);
  MiniHost(const MiniHost&) = delete;
  MiniHost& operator=(const MiniHost&) = delete;
  ~MiniHost();

  // Each returns the plugin's status; error() then has its words.
  dr_status Create(const std::string& config);
  dr_status Load();
  dr_status Run(const Picture& input, const std::string& params);
  void Unload();
  void Destroy();

  const std::string& error() const { return error_; }
  const Picture& output() const { return output_; }
  const std::vector<double>& progress() const { return progress_; }
  // The next jobs are cancelled once this many calls to progress() were made; -1: never.
  void CancelAfter(int64_t calls) { cancel_after_ = calls; }

 private:
  static MiniHost& Of(const dr_host_t* host) { return *static_cast<MiniHost*>(host->context); }

  dr_host_t host_{};
  const dr_plugin_t* plugin_ = nullptr;
  dr_instance_t* instance_ = nullptr;
  bool loaded_ = false;

  std::string error_;
  Picture output_;
  std::vector<int64_t> output_strides_;
  std::vector<double> progress_;
  int64_t cancel_after_ = -1;
  bool finished_ = false;
  dr_status finish_status_ = DR_OK;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_PLUGINS_ENHANCE_MINI_HOST_H_
