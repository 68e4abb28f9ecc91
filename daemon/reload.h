// SPDX-License-Identifier: Apache-2.0
//
// Reload has the daemon run by a new configuration without an end: it reads the files again, checks
// all of them as `darkroomd --check` does, and then touches only what has changed (ReloadPlan).
// What is wrong with the files changes nothing. A model that cannot be had as it is wanted stays as
// it was, or is there and says why; the rest is done nonetheless.
//
// For the io_context's thread. Reloads run one after the other; each reads the files when it
// begins.

#ifndef DARKROOM_RELOAD_H_
#define DARKROOM_RELOAD_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "control/service_status.h"
#include "core/changes.h"
#include "core/log.h"
#include "device/device_pool.h"
#include "durable_jobs.h"
#include "job_flow.h"
#include "message/intake.h"
#include "model_setup.h"
#include "plugin_manager.h"
#include "reload_plan.h"
#include "routes.h"

namespace darkroom {

// What a reload found and did.
struct ReloadReport {
  ReloadPlan plan;
  std::vector<std::string> warnings;
  // "model 'clip'" or "route 'photos.*'", and why it is not as it was wanted.
  std::vector<std::pair<std::string, Status>> failed;
  bool done = false;  // else it has only been checked

  // docs/protocol.md, "Control".
  nlohmann::json ToJson() const;
  std::string Summary() const;  // in a line
};

class Reload {
 public:
  // All outlive this. `durable`: nullptr where no durable jobs are run.
  struct Parts {
    boost::asio::io_context& io;
    std::filesystem::path file;
    std::map<std::string, std::string> references;  // those of `config`
    Config& config;
    nlohmann::ordered_json& shown;
    std::vector<std::shared_ptr<Model>>& models;
    const std::string& state;  // starting, ready, draining
    const Places& places;
    Routes& routes;
    JobFlow& flow;
    DevicePool& pool;
    PluginManager& plugins;
    DurableJobs* durable;
    Intake& intake;
    ServiceStatus& service;
    Logger& log;
  };

  explicit Reload(Parts parts);
  ~Reload();

  using Checked = std::function<void(const ReloadReport&)>;
  // Returns when all that was to be loaded is. `checked`, unless empty, is told when the files are
  // found good, before anything is touched. An error: nothing was.
  boost::asio::awaitable<Result<ReloadReport>> Run(Checked checked);
  // The same for whoever hears nothing of it: a signal. One that has not begun does for all.
  void RunSoon();

  void NotifyChanged() { changes_.Notify(); }  // the daemon's state

 private:
  struct Read {
    LoadedConfig loaded;
    ReloadPlan plan;
    std::vector<ConfigIssue> wrong;
    std::vector<std::string> warnings;
  };
  using Files = std::map<std::string, std::shared_ptr<const PluginFile>>;

  boost::asio::awaitable<void> RunForSignal();
  boost::asio::awaitable<Result<ReloadReport>> RunNext(Checked checked);
  boost::asio::awaitable<std::shared_ptr<Read>> ReadAside();
  void ReadNow(const Config& now, const Files& files, Read* read) const;
  Status Refusal(const Read& read) const;

  // The parts of it (reload_apply.cc).
  boost::asio::awaitable<void> Apply(ReloadReport* report);
  void SwitchSettings(const ReloadPlan& plan);
  boost::asio::awaitable<void> AddModels(ReloadReport* report);
  boost::asio::awaitable<void> ChangeModels(ReloadReport* report);
  boost::asio::awaitable<Status> ServeModel(std::shared_ptr<Model> model, ModelConfig config);
  std::vector<std::shared_ptr<Model>> TakeRemoved(const ReloadPlan& plan);
  boost::asio::awaitable<void> SwitchRoutes(ReloadReport* report);
  boost::asio::awaitable<void> Remove(std::shared_ptr<Model> model);
  std::shared_ptr<Model> FindModel(const std::string& name) const;
  void Show(const std::map<std::string, std::string>& references);
  void Fail(ReloadReport* report, std::string what, const Status& why) const;

  const Parts parts_;
  std::map<std::string, std::string> references_;
  Changes changes_;
  bool busy_ = false;
  bool signalled_ = false;             // one for a signal has not begun
  boost::asio::thread_pool aside_{1};  // reads and hashes files beside the io_context
};

}  // namespace darkroom

#endif  // DARKROOM_RELOAD_H_
