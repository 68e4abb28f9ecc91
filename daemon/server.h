// SPDX-License-Identifier: Apache-2.0
//
// Server is the daemon put together: it builds the parts in the order in which data passes them,
// joins them, and stops them in the opposite order. Messages come in at intake, become jobs at
// admission, are run by lanes, and leave through the replier; docs/life-of-a-job.md follows one.
//
// Everything here runs on the thread that calls Run, which runs the io_context.

#ifndef DARKROOM_SERVER_H_
#define DARKROOM_SERVER_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "control/control_service.h"
#include "core/log.h"
#include "device/device.h"
#include "message/embedded_server.h"
#include "message/intake.h"
#include "message/publisher.h"
#include "model_setup.h"
#include "plugin/host_library.h"
#include "plugin/registry.h"
#include "queue/admission.h"
#include "queue/job_table.h"
#include "reply/replier.h"
#include "scheduler/scheduler.h"
#include "worker/lane.h"

namespace darkroom {

class Server : private LaneObserver, private ConnectionEvents {
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
  void OnRequest(const Endpoint& endpoint, Message message);
  void ArmExpiry();
  void ExpireWaiting();

  void OnJobDone(uint64_t token, host::JobResult result, const Device& device) override;
  void OnJobProgress(uint64_t token, double fraction, std::string_view stage) override;
  void OnModelChanged(Model& model) override;
  Receipt MakeReceipt(const Job& job, const host::JobResult& result, const Device& device) const;
  std::shared_ptr<const ModelReceipt> ReceiptOf(const Model& model) const;

  void OnConnected() override;
  void OnDisconnected() override;
  void OnError(const std::string& what) override;

  void Stop(const char* why);
  void GiveUp();
  std::string StatusLine() const;

  Config config_;
  Logger& log_;
  Places places_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_, SIGTERM, SIGINT};
  boost::asio::steady_timer expiry_{io_};
  boost::asio::steady_timer drain_{io_};
  std::string state_ = "starting";
  bool serving_ = false;
  bool digested_ = false;  // receipts can name all weights
  bool all_answered_ = false;
  bool expiry_armed_ = false;

  std::unique_ptr<EmbeddedServer> embedded_;
  std::string url_;  // as it may be shown
  std::vector<Device> devices_;
  std::unique_ptr<PluginRegistry> registry_;
  std::vector<std::shared_ptr<Model>> models_;
  std::vector<Endpoint> endpoints_;
  std::unordered_map<const Model*, std::shared_ptr<const ModelReceipt>> receipts_;
  std::thread digester_;

  JobTable jobs_;
  Admission admission_;
  Scheduler scheduler_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Replier> replier_;

  // Destroyed in the opposite order: lanes with their instances, plugins, the host.
  std::unique_ptr<HostLibrary> host_;
  std::unordered_map<std::string, std::unique_ptr<host::Plugin>> plugins_;
  std::vector<std::unique_ptr<Lane>> lanes_;

  std::unique_ptr<Intake> intake_;
  std::unique_ptr<ControlService> control_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_H_
