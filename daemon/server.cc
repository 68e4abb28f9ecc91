// SPDX-License-Identifier: Apache-2.0

#include "server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "control/systemd.h"
#include "core/coroutine.h"
#include "core/digest.h"
#include "core/redact.h"
#include "core/version.h"

namespace darkroom {
namespace {

// The last replies are written and confirmed by the server within this time.
constexpr auto kFlushTimeout = std::chrono::milliseconds(5000);

}  // namespace

Server::Server(Config config, Logger& log)
    : config_(std::move(config)),
      log_(log),
      places_(FindPlaces(config_)),
      publisher_(log),
      replier_(&publisher_, config_.nats.prefix),
      flow_(io_, config_, replier_, log, [this](Model& model) { OnModelChanged(model); }),
      stop_(io_) {}

Server::~Server() {
  if (digester_.joinable()) digester_.join();
}

Status Server::Start() {
  log_.info("darkroomd {} starting as '{}'", kVersion, config_.host_name);
  if (Status status = StartModels(); !status.ok()) return status;
  if (Status status = StartNats(); !status.ok()) return status;
  control_ = std::make_unique<ControlService>(
      ControlView{config_.host_name, url_, models_, lanes_, devices_, endpoints_, flow_.jobs(),
                  flow_.admission(), state_},
      &publisher_);
  for (const auto& model : models_) {
    if (!model->config.preload || model->broken) continue;
    for (const auto& lane : lanes_) lane->Load(*model);
  }
  DigestWeights();
  return Status::Ok();
}

bool Server::Run() {
  StartCoroutine(io_, ServeUntilTold());
  io_.run();
  return all_answered_;
}

boost::asio::awaitable<void> Server::ServeUntilTold() {
  using boost::asio::experimental::awaitable_operators::operator||;
  co_await (ASignal() || stop_.Wait());
  state_ = "draining";
  log_.info("{}: draining {} jobs", stop_reason_, flow_.jobs().size());
  NotifyStopping(fmt::format("Draining {} jobs", flow_.jobs().size()),
                 config_.drain_timeout + kFlushTimeout);
  const auto first = co_await (Drain() || Sleep(config_.drain_timeout));
  const bool drained = first.index() == 0;
  if (!drained) {
    log_.error("{} jobs still unfinished after {} s; they are answered with an error",
               flow_.jobs().size(),
               std::chrono::duration_cast<std::chrono::seconds>(config_.drain_timeout).count());
    flow_.GiveUp();
  }
  const bool confirmed = publisher_.Finish(kFlushTimeout);
  if (drained) {
    log_.info("stopped: every accepted job was answered{}",
              confirmed ? "" : ", but the server did not confirm the last replies");
  }
  all_answered_ = drained && confirmed;
  io_.stop();
}

boost::asio::awaitable<void> Server::ASignal() {
  const auto [error, signal] =
      co_await signals_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (!error) stop_reason_ = signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

boost::asio::awaitable<void> Server::Drain() {
  // What the server had already sent us is admitted once intake is dry; from there on the only way
  // is out.
  co_await intake_->Drain();
  co_await flow_.Drain();
}

Status Server::StartModels() {
  registry_ = std::make_unique<PluginRegistry>(places_.plugin_folder.string(),
                                               std::vector<std::string>{places_.torch_lib()});
  devices_ = FindDevices(config_.devices);
  const std::vector<ModelSetup> setups = SetUpModels(config_, registry_.get());
  for (const Device& device : devices_) {
    for (uint32_t index = 0; index < device.lanes; ++index) {
      lanes_.push_back(std::make_unique<Lane>(
          Lane::Parts{io_, flow_.scheduler(), flow_.jobs(), flow_, log_}, device, index));
    }
  }
  if (Status status = OpenPlugins(setups); !status.ok()) return status;
  auto endpoints = SetUpEndpoints(config_, setups);
  if (!endpoints.ok()) return endpoints.status();
  endpoints_ = std::move(*endpoints);
  for (const ModelSetup& setup : setups) {
    models_.push_back(setup.model);
    flow_.Describe(*setup.model);
    if (setup.model->broken) {
      log_.error("{}: cannot be served: {}", setup.model->config.name,
                 setup.model->error.ToString());
    }
  }
  for (const auto& lane : lanes_) lane->Open();
  return Status::Ok();
}

Status Server::OpenPlugins(const std::vector<ModelSetup>& setups) {
  host::HostOptions options;
  options.max_pixels = config_.limits.pixels;
  options.max_input_bytes = config_.limits.input_bytes;
  options.torch_lib = places_.torch_lib();
  options.cuda = std::any_of(devices_.begin(), devices_.end(),
                             [](const Device& device) { return device.kind == DeviceKind::kCuda; });
  options.log = [this](host::LogLevel level, std::string_view words) {
    log_.log(SpdlogLevel(level), "{}", words);
  };
  auto host = HostLibrary::Open(places_.host_library.string(), options);
  if (!host.ok()) return host.status();
  host_ = std::move(*host);
  for (const ModelSetup& setup : setups) {
    Model& model = *setup.model;
    if (model.broken) continue;
    auto& plugin = plugins_[setup.plugin->path];
    if (plugin == nullptr) {
      auto opened = host_->host().Open(setup.plugin->path, setup.plugin->manifest_json);
      if (opened.ok()) {
        plugin = std::move(*opened);
        log_.info("plugin {} {} opened", model.info.id, model.info.version);
      } else {
        model.broken = true;
        model.state = ModelState::kFailed;
        model.error = opened.status();
        plugins_.erase(setup.plugin->path);
        continue;
      }
    }
    MakeInstances(setup, *plugin);
  }
  return Status::Ok();
}

void Server::MakeInstances(const ModelSetup& setup, host::Plugin& plugin) {
  Model& model = *setup.model;
  const std::vector<const Device*> fit = DevicesFor(model.info, devices_);
  uint32_t made = 0;
  // The least laden first, so that models spread over the lanes.
  std::vector<Lane*> lanes;
  for (const auto& lane : lanes_) lanes.push_back(lane.get());
  std::stable_sort(lanes.begin(), lanes.end(), [](const Lane* a, const Lane* b) {
    return a->Instances().size() < b->Instances().size();
  });
  Status status = Status::FailedPrecondition(
      fmt::format("plugin '{}' runs on none of the devices here", model.info.id),
      "list a device that it can use under devices");
  for (Lane* lane : lanes) {
    if (made == model.config.instances) break;
    if (std::find(fit.begin(), fit.end(), &lane->device()) == fit.end()) continue;
    status = lane->AddModel(setup.model, plugin);
    if (!status.ok()) break;
    ++made;
  }
  if (status.ok()) return;
  model.broken = true;
  model.state = ModelState::kFailed;
  model.error = status;
}

Status Server::StartNats() {
  std::vector<std::string> urls = config_.nats.urls;
  if (config_.nats.embedded) {
    auto embedded = EmbeddedServer::Start(io_, config_.nats, config_.state_dir, log_);
    if (!embedded.ok()) return embedded.status();
    embedded_ = std::move(*embedded);
    urls = {embedded_->url()};
  }
  for (const std::string& url : urls) {
    if (!url_.empty()) url_ += ',';
    url_ += WithoutSecrets(url);
  }
  Status status = publisher_.Open(urls, fmt::format("darkroomd {} replies", config_.host_name));
  if (!status.ok()) return status;
  auto connection =
      Connection::Open(urls, fmt::format("darkroomd {} intake", config_.host_name), 0, this);
  if (!connection.ok()) return connection.status();
  intake_ = std::make_unique<Intake>(io_, std::move(*connection),
                                     [this](Arrival arrival) { OnArrival(std::move(arrival)); });
  // Our own server takes a moment to start; any other is missing.
  if (embedded_ == nullptr && !intake_->connection().connected()) {
    log_.warn("no NATS server at {} yet; trying on", url_);
  }
  return Status::Ok();
}

void Server::DigestWeights() {
  digester_ = std::thread([this] {
    for (const auto& model : models_) {
      if (model->config.weights.empty()) continue;
      auto digest = Sha256OfFile(model->config.weights);
      if (!digest.ok()) continue;  // the plugin says what is wrong with them when it loads
      boost::asio::post(io_, [this, model, digest = std::move(*digest)] {
        model->weights_digest = digest;
        flow_.Describe(*model);
      });
    }
    boost::asio::post(io_, [this] {
      digested_ = true;
      ServeWhenReady();
    });
  });
}

void Server::ServeWhenReady() {
  if (serving_ || state_ != "starting" || intake_ == nullptr) return;
  if (!intake_->connection().connected()) return;
  const bool loading = std::any_of(models_.begin(), models_.end(), [](const auto& model) {
    return model->config.preload && model->state == ModelState::kLoading;
  });
  if (loading || !digested_) return;
  serving_ = true;
  if (const Status status = Subscribe(); !status.ok()) {
    log_.error("{}", status.ToString());
    stop_reason_ = "cannot subscribe";
    stop_.Set();
    return;
  }
  state_ = "ready";
  log_.info("ready: {}", StatusLine());
  NotifyReady(StatusLine());
}

Status Server::Subscribe() {
  uint32_t number = 0;
  for (const Endpoint& endpoint : endpoints_) {
    std::string group = config_.nats.queue_group;
    for (const RouteConfig& route : config_.routes) {
      if (route.subject == endpoint.subject) group = route.queue_group;
    }
    if (Status status = intake_->Subscribe(endpoint.subject, group, number++); !status.ok()) {
      return status;
    }
  }
  for (const std::string& verb : ControlService::Verbs()) {
    const std::string subject = fmt::format("{}.control.{}", config_.nats.prefix, verb);
    if (Status status = intake_->Subscribe(subject, "", number++); !status.ok()) return status;
  }
  // Whoever is told that we are ready must be heard by us: the server has the subscriptions once it
  // has answered a ping.
  return intake_->Confirm();
}

void Server::OnArrival(Arrival arrival) {
  if (arrival.subscription < endpoints_.size()) {
    flow_.OnRequest(endpoints_[arrival.subscription], std::move(arrival.message));
  } else {
    control_->Answer(arrival.subscription - endpoints_.size(), arrival.message);
  }
}

void Server::OnModelChanged(const Model& model) {
  if (model.state == ModelState::kLoading) {
    if (state_ == "starting") NotifyStatus(fmt::format("Loading {}", model.config.name));
    return;
  }
  ServeWhenReady();
}

void Server::OnConnected() {
  boost::asio::post(io_, [this] {
    if (serving_) log_.info("connected to NATS again");
    ServeWhenReady();
  });
}

void Server::OnDisconnected() {
  boost::asio::post(io_, [this] {
    if (state_ == "ready") log_.warn("lost the connection to NATS; trying on");
  });
}

void Server::OnError(const std::string& what) { log_.warn("intake's connection: {}", what); }

std::string Server::StatusLine() const {
  const auto ready = std::count_if(models_.begin(), models_.end(), [](const auto& model) {
    return model->state == ModelState::kReady;
  });
  return fmt::format("{} models ({} loaded), {} devices, {}", models_.size(), ready,
                     devices_.size(), url_);
}

}  // namespace darkroom
