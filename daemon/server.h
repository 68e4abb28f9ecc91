// SPDX-License-Identifier: Apache-2.0
//
// Server is the daemon put together: it builds the parts in the order in which data passes them,
// joins them, and stops them in the opposite order: nothing comes in any more, what is here is
// done, the last replies are on the server.
//
// Everything here runs on the thread that calls Run, which runs the io_context.

#ifndef DARKROOM_SERVER_H_
#define DARKROOM_SERVER_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "control/control_service.h"
#include "core/event.h"
#include "core/log.h"
#include "device/device.h"
#include "job_flow.h"
#include "message/embedded_server.h"
#include "message/intake.h"
#include "message/publisher.h"
#include "model_setup.h"
#include "plugin/host_library.h"
#include "plugin/registry.h"
#include "reply/replier.h"
#include "worker/lane.h"

namespace darkroom {

class Server : private ConnectionEvents {
 public:
  Server(Config config, Logger& log);
  ~Server() override;

  // Builds everything and starts to connect and to load. An error says what in the configuration or
  // on this machine keeps the daemon from running at all.
  Status Start();

  // Serves until SIGTERM or SIGINT, then drains. True: everything that was accepted was answered.
  bool Run();

 private:
  Status StartNats();
  Status StartModels();
  Status OpenPlugins(const std::vector<ModelSetup>& setups);
  void MakeInstances(const ModelSetup& setup, host::Plugin& plugin);
  void DigestWeights();

  // Serving begins when the preloaded models are there, all weights have their digests and the
  // server is connected.
  void ServeWhenReady();
  Status Subscribe();
  void OnArrival(Arrival arrival);
  void OnModelChanged(const Model& model);

  // From the first job to the last: returns when the daemon has stopped.
  boost::asio::awaitable<void> ServeUntilTold();
  boost::asio::awaitable<void> ASignal();
  boost::asio::awaitable<void> Drain();

  void OnConnected() override;
  void OnDisconnected() override;
  void OnError(const std::string& what) override;

  std::string StatusLine() const;

  Config config_;
  Logger& log_;
  Places places_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_, SIGTERM, SIGINT};
  std::string state_ = "starting";
  bool serving_ = false;
  bool digested_ = false;  // receipts can name all weights
  bool all_answered_ = false;

  std::unique_ptr<EmbeddedServer> embedded_;
  std::string url_;  // as it may be shown
  std::vector<Device> devices_;
  std::unique_ptr<PluginRegistry> registry_;
  std::vector<std::shared_ptr<Model>> models_;
  std::vector<Endpoint> endpoints_;
  std::thread digester_;

  Publisher publisher_;
  Replier replier_;
  JobFlow flow_;
  Event stop_;  // for another reason than a signal
  const char* stop_reason_ = "";

  // Destroyed in the opposite order: lanes with their instances, plugins, the host.
  std::unique_ptr<HostLibrary> host_;
  std::unordered_map<std::string, std::unique_ptr<host::Plugin>> plugins_;
  std::vector<std::unique_ptr<Lane>> lanes_;

  std::unique_ptr<Intake> intake_;
  std::unique_ptr<ControlService> control_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_H_
