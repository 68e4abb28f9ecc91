// SPDX-License-Identifier: Apache-2.0
//
// darkroomd: reads the command line and the configuration, then runs the server until it is told to
// stop.
//
// Exit codes: 0 stopped, and everything accepted was answered; 1 it was not, or something failed; 2
// wrong usage; 78 (EX_CONFIG) the configuration is wrong.

#include <fmt/format.h>
#include <nats/nats.h>
#include <sysexits.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"
#include "config/places.h"
#include "core/log.h"
#include "core/version.h"
#include "device/find_devices.h"
#include "endpoint_check.h"
#include "model_setup.h"
#include "server.h"

namespace darkroom {
namespace {

int Complain(const std::vector<ConfigIssue>& issues) {
  for (const ConfigIssue& issue : issues) fmt::print(stderr, "{}", ShowIssue(issue));
  return EX_CONFIG;
}

// Everything that can be found out without serving: the configuration, the plugins' files and their
// params. A model that cannot run, or a device that is not here, is told of, but is not wrong: the
// daemon does with the others.
int Check(const std::filesystem::path& file, const LoadedConfig& loaded) {
  const Config& config = *loaded.config;
  const Places places = FindPlaces(config);
  PluginRegistry registry(places.plugin_folder.string(), {places.torch_lib()});
  const auto models =
      SetUpModels(config, [&](const std::string& plugin) { return registry.Find(plugin); });
  const std::vector<ConfigIssue> wrong = CheckEndpoints(loaded, config, models);
  if (!wrong.empty()) return Complain(wrong);
  for (const std::string& warning : WarningsOf(models)) fmt::print("warning: {}\n", warning);
  const FoundDevices found = FindDevices(config.devices);
  for (const Device& device : found.devices) {
    if (device.error.ok()) continue;
    fmt::print("warning: device '{}' cannot be used: {}\n", device.id, device.error.ToString());
  }
  for (const std::string& note : found.notes) fmt::print("warning: devices: {}\n", note);
  fmt::print("{}: ok, {} models, {} routes\n", file.string(), config.models.size(),
             config.routes.size());
  return EX_OK;
}

int Serve(const std::filesystem::path& file, LoadedConfig loaded, Logger& log) {
  // For plugins in the daemon, which CUDA would show the fastest GPU first. Before there are other
  // threads.
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1);
  // A reply to a client that is gone, or a worker's closed pipe, is an error to handle and no
  // reason to die.
  signal(SIGPIPE, SIG_IGN);
  // One thread delivers all subscriptions' messages: it only hands them over.
  nats_Open(-1);
  nats_SetMessageDeliveryPoolSize(1);
  auto server = std::make_unique<Server>(file, std::move(loaded), log);
  if (const Status status = server->Start(); !status.ok()) {
    log.error("cannot start: {}", status.ToString());
    return status.code() == Code::kInvalidArgument ? EX_CONFIG : EXIT_FAILURE;
  }
  const int code = server->Run() ? EXIT_SUCCESS : EXIT_FAILURE;
  log.flush();
  // Everything that had to end has; a plugin in the daemon that does not come home would keep the
  // rest waiting.
  _exit(code);
}

int Main(int argc, char** argv) {
  CLI::App app("darkroomd: serves models over NATS");
  std::string file = "/etc/darkroom/darkroom.yaml";
  bool check = false;
  app.add_option("-c,--config", file, "Configuration file")->capture_default_str();
  app.add_flag("--check", check, "Check the configuration and exit: 0 if it is sound, else 78");
  app.set_version_flag("--version", std::string("darkroomd ") + kVersion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : 2;
  }
  // It is being read: whoever asks for that again has it, until the server listens.
  signal(SIGHUP, SIG_IGN);
  LoadedConfig loaded = LoadConfig(file);
  if (!loaded.config) return Complain(loaded.issues);
  if (check) return Check(file, loaded);
  const auto log = MakeLogger(loaded.config->log_level, loaded.config->log_format);
  if (!log.ok()) return Complain({{file, 0, 0, log.status().ToString()}});
  return Serve(file, std::move(loaded), **log);
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) {
  const int code = darkroom::Main(argc, argv);
  // libtorch, once it is in the process, does not survive its own static destructors; there is
  // nothing left for them to do.
  std::fflush(nullptr);
  _exit(code);
}
