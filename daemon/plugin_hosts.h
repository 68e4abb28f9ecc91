// SPDX-License-Identifier: Apache-2.0
//
// PluginHosts decides where a generation of a plugin runs on a device, as the configuration says: a
// worker process of its own, one that it shares, or the daemon. It says what such a process may
// see.
//
// For the io_context's thread.

#ifndef DARKROOM_PLUGIN_HOSTS_H_
#define DARKROOM_PLUGIN_HOSTS_H_

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/places.h"
#include "core/log.h"
#include "device/device.h"
#include "plugin/registry.h"
#include "worker/hosted_plugin.h"
#include "worker/worker.h"

namespace darkroom {

class PluginHosts {
 public:
  // All must outlive this.
  PluginHosts(boost::asio::io_context& io, const Config& config, const Places& places,
              const std::vector<Device>& devices, Logger& log);

  // Where this generation of the plugin, which serves models with these weights, runs on the
  // device.
  std::shared_ptr<PluginHost> For(const PluginFile& file, uint32_t generation, const Device& device,
                                  const std::vector<std::string>& weights);

  // Whether it has processes of its own, which end with it.
  bool IsAlone(const PluginFile& file) const;

  // A process of its own for a plugin that will run in the daemon, to see whether opening it kills.
  std::unique_ptr<PluginHost> ForProbe(const PluginFile& file);

 private:
  // `cuda`: for one that runs on a GPU. On the CPU libtorch starts sooner and smaller without its
  // CUDA half, and there is nothing to see of GPUs.
  host::HostOptions HostOptionsFor(bool cuda) const;
  WorkerSetUp SetUpFor(const PluginFile& file, const std::string& name, bool cuda,
                       const std::vector<std::string>& weights) const;
  bool AnyCuda() const;
  // One that several plugins share, with what it may read as weights.
  struct Shared {
    std::shared_ptr<PluginHost> host;
    std::set<std::string> weights;
  };

  boost::asio::io_context& io_;
  const Config& config_;
  const Places& places_;
  const std::vector<Device>& devices_;
  Logger& log_;
  std::shared_ptr<PluginHost> in_process_;
  std::map<std::string, Shared> shared_;  // by worker's name and device
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_HOSTS_H_
