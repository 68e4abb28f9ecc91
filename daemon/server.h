// SPDX-License-Identifier: Apache-2.0
//
// Server is the daemon put together: it builds the parts in the order in which data passes them,
// joins them, and stops them in the opposite order: nothing comes in any more, what is here is
// done, the last replies are on the server, plugins have given back what they had.
//
// Everything here runs on the thread that calls Run, which runs the io_context.

#ifndef DARKROOM_SERVER_H_
#define DARKROOM_SERVER_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "config/places.h"
#include "control/control_service.h"
#include "control/http_server.h"
#include "control/job_metrics.h"
#include "control/micro_service.h"
#include "control/nats_links.h"
#include "control/operator_control.h"
#include "control/plugin_control.h"
#include "control/service_status.h"
#include "control/trace_exporter.h"
#include "control/watchdog.h"
#include "core/event.h"
#include "core/log.h"
#include "device/device_pool.h"
#include "device/find_devices.h"
#include "device/gpu_watch.h"
#include "durable_jobs.h"
#include "job_cancel.h"
#include "job_flow.h"
#include "message/connection_log.h"
#include "message/embedded_server.h"
#include "message/intake.h"
#include "message/object_store.h"
#include "message/publisher.h"
#include "model_setup.h"
#include "plugin_manager.h"
#include "reload.h"
#include "reply/replier.h"
#include "routes.h"
#include "subscriptions.h"
#include "worker/health_watch.h"
#include "worker/lane.h"

namespace darkroom {

class Server : private ConnectionEvents, private PluginManager::Observer {
 public:
  // `loaded` is what was read of the file, without issues.
  Server(std::filesystem::path file, LoadedConfig loaded, Logger& log);
  ~Server() override;

  // Builds everything and starts to connect and to load. An error says what in the configuration or
  // on this machine keeps the daemon from running at all.
  Status Start();

  // Serves until SIGTERM or SIGINT, then drains. True: everything that was accepted was answered.
  // The Server is not taken apart after that: the process ends.
  bool Run();

 private:
  Status StartHttp();
  ControlView View();
  NatsLinks Links();
  Status StartNats();
  Status StartDurableJobs(const ServerLink& link);
  void StartReload();
  void TellDevices();
  Status StartModels();
  void DigestWeights();

  // Serving begins when the plugins are open, the preloaded models are there, all weights that are
  // files have their digests, the devices have answered and the server is connected.
  void ServeWhenReady();
  Status Subscribe();
  Status SubscribeTo(const std::string& subject, const std::string& group,
                     Subscriptions::Handler handler);
  Status SubscribeToCancels();
  bool BeginDrain();
  void SetState(std::string state);
  void OnModelChanged(Model& model);
  void OnHealthChanged();

  Status CheckContract(const Model& model, std::shared_ptr<const ModelContract> contract) override;
  void OnContractChanged(const std::shared_ptr<Model>& model) override;
  void OnModelAdded(const std::shared_ptr<Model>& model) override;
  void FailQueued(Model& model, const Status& why) override { flow_.FailQueued(model, why); }
  void OnPluginsChanged() override;

  // From the first job to the last: returns when the daemon has stopped.
  boost::asio::awaitable<void> ServeUntilTold();
  boost::asio::awaitable<void> ASignal();
  boost::asio::awaitable<void> ReloadWhenTold();
  boost::asio::awaitable<void> AnswerReload(bool wait, OperatorControl::Answered answer);
  boost::asio::awaitable<void> Drain();

  void OnConnected() override;
  void OnDisconnected() override;

  std::string StatusLine() const;

  const std::filesystem::path file_;
  const std::map<std::string, std::string> references_;  // of the configuration at the start
  Config config_;
  nlohmann::ordered_json shown_;  // it, for whoever asks
  Logger& log_;
  Places places_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_{io_, SIGTERM, SIGINT};
  boost::asio::signal_set hang_up_{io_, SIGHUP};
  std::string state_ = "starting";
  bool serving_ = false;
  bool digested_ = false;  // receipts can name all weights that are files
  bool all_answered_ = false;

  std::unique_ptr<EmbeddedServer> embedded_;
  std::string url_;  // as it may be shown
  ConnectionLog nats_log_;
  std::vector<std::shared_ptr<Model>> models_;
  std::thread digester_;

  std::unique_ptr<TraceExporter> traces_;  // nullptr: there are none
  Publisher publisher_;
  Replier replier_;
  FoundDevices found_;
  DevicePool pool_;
  GpuWatch gpus_;
  JobMetrics metrics_;
  Tracer tracer_;
  JobFlow flow_;
  Subscriptions subscriptions_;
  Routes routes_;
  Event stop_;  // for another reason than a signal
  const char* stop_reason_ = "";

  std::unique_ptr<PluginManager> plugins_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // their slots go before the plugins do
  std::unique_ptr<HealthWatch> health_;
  Watchdog watchdog_;

  std::unique_ptr<Intake> intake_;
  std::unique_ptr<ObjectStore> objects_;
  std::unique_ptr<DurableJobs> durable_;  // nullptr: none are run
  std::unique_ptr<JobCancel> cancel_;
  std::unique_ptr<ControlService> control_;
  std::unique_ptr<PluginControl> plugin_control_;
  std::unique_ptr<OperatorControl> operator_control_;
  std::unique_ptr<MicroService> micro_;
  std::unique_ptr<ServiceStatus> service_;
  std::unique_ptr<HttpServer> http_;  // nullptr: there is none
  std::unique_ptr<Reload> reload_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_H_
