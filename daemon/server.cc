// SPDX-License-Identifier: Apache-2.0

#include "server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <map>
#include <random>
#include <utility>

#include "config/to_json.h"
#include "control/metrics_page.h"
#include "control/status_page.h"
#include "control/systemd.h"
#include "core/coroutine.h"
#include "core/digest.h"
#include "core/redact.h"
#include "core/units.h"
#include "core/version.h"

namespace darkroom {
namespace {

// The last replies are written and confirmed by the server within this time.
constexpr auto kFlushTimeout = std::chrono::milliseconds(5000);
// Plugins unload and shut down within this time, or go with the process.
constexpr auto kStopTimeout = std::chrono::milliseconds(5000);

// The last spans are sent within this time, or are lost.
constexpr auto kTracesTimeout = std::chrono::milliseconds(3000);

JobSpans::Take TakeSpans(TraceExporter* traces) {
  if (traces == nullptr) return {};
  return [traces](std::vector<Span> spans) { traces->Take(std::move(spans)); };
}

}  // namespace

Server::Server(std::filesystem::path file, LoadedConfig loaded, Logger& log)
    : file_(std::move(file)),
      references_(std::move(loaded.references)),
      config_(*std::move(loaded.config)),
      shown_(ConfigToJson(config_, references_)),
      log_(log),
      places_(FindPlaces(config_)),
      nats_log_(log),
      traces_(config_.tracing.endpoint.empty()
                  ? nullptr
                  : std::make_unique<TraceExporter>(config_.tracing, config_.host_name, log)),
      publisher_(log),
      replier_(&publisher_, config_.nats.prefix),
      found_(FindDevices(config_.devices)),
      pool_(io_, found_.devices, config_.scheduling.patience, config_.state_dir / "memory.json"),
      gpus_(std::move(found_.nvml), pool_.devices()),
      tracer_(config_.tracing.ratio, TakeSpans(traces_.get())),
      flow_(
          io_, config_, replier_, pool_, metrics_, tracer_, log,
          [this](Model& model) { OnModelChanged(model); }, [this] { plugins_->NotifyChanged(); }),
      routes_({io_, config_, flow_, subscriptions_, log}),
      stop_(io_),
      watchdog_(io_, [this] { return health_->hopeful(Job::Clock::now()); }) {}

Server::~Server() {
  if (digester_.joinable()) digester_.join();
}

Status Server::Start() {
  log_.info("darkroomd {} starting as '{}'", kVersion, config_.host_name);
  TellDevices();
  if (Status status = StartModels(); !status.ok()) return status;
  if (Status status = StartNats(); !status.ok()) return status;
  control_ = std::make_unique<ControlService>(View(), &publisher_);
  cancel_ = std::make_unique<JobCancel>(
      JobCancel::Parts{io_, config_, flow_, durable_.get(), publisher_, replier_});
  micro_ = std::make_unique<MicroService>(config_, models_, routes_.list(), publisher_);
  plugin_control_ = std::make_unique<PluginControl>(io_, config_, *plugins_, publisher_, replier_);
  operator_control_ = std::make_unique<OperatorControl>(
      OperatorControl::Parts{config_.host_name, shown_, [this] { return flow_.jobs().size(); },
                             [this] { return BeginDrain(); },
                             [this](bool wait, OperatorControl::Answered answer) {
                               StartCoroutine(io_, AnswerReload(wait, std::move(answer)));
                             },
                             publisher_, replier_});
  if (Status status = StartHttp(); !status.ok()) return status;
  service_ = std::make_unique<ServiceStatus>(io_, View(), intake_->connection());
  service_->Start();
  StartReload();
  plugins_->Start();
  health_->Start();
  watchdog_.Start();
  DigestWeights();
  return Status::Ok();
}

ControlView Server::View() {
  return {config_.host_name, url_,         models_,           lanes_, pool_,    gpus_, *health_,
          routes_.list(),    flow_.jobs(), flow_.admission(), state_, nats_log_};
}

NatsLinks Server::Links() { return {intake_->connection(), publisher_.connection()}; }

Status Server::StartHttp() {
  if (config_.http.listen == HttpConfig::kOff) return Status::Ok();
  const auto started = std::chrono::system_clock::now();
  http_ = std::make_unique<HttpServer>(
      io_,
      HttpServer::Pages{
          {"/healthz", [view = View()] { return HealthPage(view); }},
          {"/readyz", [this, view = View()] { return ReadyPage(view, intake_->connection()); }},
          {"/metrics",
           [this, view = View()] {
             return HttpPage{.type = kMetricsType,
                             .body = MetricsPage(view, Links(), metrics_,
                                                 traces_ ? traces_->counts() : SpanCounts{})};
           }},
          {"/statusz", [this, view = View(), started] {
             return HttpPage{.body = StatusPage(view, Links(), metrics_, started)};
           }}});
  Status status = http_->Listen(config_.http.listen);
  if (status.ok()) {
    log_.info("metrics and health on http port {}: /metrics /healthz /readyz /statusz",
              http_->port());
    return status;
  }
  http_.reset();
  if (config_.http.given) return status;
  // Nobody asked for it: another daemon of this host has the usual port, most likely.
  log_.warn("{}", status.ToString());
  return Status::Ok();
}

void Server::StartReload() {
  reload_ = std::make_unique<Reload>(
      Reload::Parts{io_, file_, references_, config_, shown_, models_, state_, places_, routes_,
                    flow_, pool_, *plugins_, durable_.get(), *intake_, *service_, log_});
  StartCoroutine(io_, ReloadWhenTold());
}

boost::asio::awaitable<void> Server::ReloadWhenTold() {
  while (true) {
    const auto [error, signal] =
        co_await hang_up_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (error) co_return;
    log_.info("SIGHUP: the configuration is read again");
    reload_->RunSoon();
  }
}

boost::asio::awaitable<void> Server::AnswerReload(bool wait, OperatorControl::Answered answer) {
  Reload::Checked checked;
  if (!wait) checked = [&answer](const ReloadReport& report) { answer(report.ToJson()); };
  const auto report = co_await reload_->Run(std::move(checked));
  if (!report.ok()) {
    answer(report.status());
  } else if (wait) {
    answer(report->ToJson());
  }
}

void Server::SetState(std::string state) {
  state_ = std::move(state);
  if (reload_ != nullptr) reload_->NotifyChanged();
}

bool Server::Run() {
  StartCoroutine(io_, ServeUntilTold());
  io_.run();
  embedded_.reset();
  return all_answered_;
}

boost::asio::awaitable<void> Server::ServeUntilTold() {
  using boost::asio::experimental::awaitable_operators::operator||;
  co_await (ASignal() || stop_.Wait());
  SetState("draining");
  log_.info("{}: draining {} jobs", stop_reason_, flow_.jobs().size());
  service_->Drain(ServiceStatus::Clock::now() + config_.drain_timeout);
  const auto first = co_await (Drain() || Sleep(config_.drain_timeout));
  const bool drained = first.index() == 0;
  if (!drained) {
    log_.error("{} jobs still unfinished after {} s; they are answered with an error",
               flow_.jobs().size(),
               std::chrono::duration_cast<std::chrono::seconds>(config_.drain_timeout).count());
    flow_.GiveUp();
  }
  const bool confirmed = publisher_.Finish(kFlushTimeout);
  if (traces_ != nullptr) traces_->Finish(kTracesTimeout);
  if (drained) {
    log_.info("stopped: every accepted job was answered{}",
              confirmed ? "" : ", but the server did not confirm the last replies");
  }
  all_answered_ = drained && confirmed;
  if (!flow_.stuck()) co_await (plugins_->Stop() || Sleep(kStopTimeout));
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
  if (durable_ != nullptr) durable_->StopTaking();
  co_await intake_->Drain();
  co_await flow_.Drain();
  if (durable_ != nullptr) co_await durable_->Settled();
}

void Server::TellDevices() {
  for (const Device& device : pool_.devices()) {
    if (!device.error.ok())
      log_.error("{}: cannot be used: {}", device.id, device.error.ToString());
    if (!device.gpu) continue;
    log_.info("{}: {}, {}, PCI {}; models may have {}", device.id, device.gpu->name,
              FormatSize(device.gpu->memory), device.gpu->pci, FormatSize(device.memory));
  }
  for (const std::string& note : found_.notes) log_.warn("devices: {}", note);
}

Status Server::StartModels() {
  for (const Device& device : pool_.devices()) {
    for (uint32_t index = 0; index < device.lanes; ++index) {
      lanes_.push_back(std::make_unique<Lane>(
          Lane::Parts{io_, flow_.scheduler(), pool_, flow_.jobs(), flow_, log_}, device, index));
    }
  }
  health_ = std::make_unique<HealthWatch>(
      HealthWatch::Parts{io_, config_.health, pool_, lanes_, places_.worker_program.string(),
                         config_.state_dir, log_, [this] { OnHealthChanged(); }});
  plugins_ = std::make_unique<PluginManager>(
      PluginManager::Parts{io_, config_, places_, pool_, lanes_, *this, log_});
  for (const ModelConfig& one : config_.models) {
    models_.push_back(std::make_shared<Model>(one, config_.plugins.shadow));
  }
  // By value: a plugin may bring a model of its own.
  if (Status status = plugins_->Prepare(std::vector(models_)); !status.ok()) return status;
  auto endpoints = SetUpEndpoints(config_, models_);
  if (!endpoints.ok()) return endpoints.status();
  for (Endpoint& endpoint : *endpoints) routes_.Add(std::move(endpoint));
  for (const auto& model : models_) {
    flow_.Describe(model);
    if (!model->broken) continue;
    log_.error("{}: cannot be served: {}", model->config.name, model->error.ToString());
  }
  return Status::Ok();
}

Status Server::CheckContract(const Model& model, std::shared_ptr<const ModelContract> contract) {
  return routes_.CheckContract(model, contract);
}

void Server::OnContractChanged(const std::shared_ptr<Model>& model) {
  routes_.OnContractChanged(*model);
  flow_.KeepReceipts(*model);
  flow_.Describe(model);
  if (!model->broken) flow_.Recheck(*model);
  // One that nothing leads to yet takes no jobs.
  const bool led_to = routes_.OfModel(model->config.name) != nullptr;
  if (serving_ && durable_ != nullptr && led_to) durable_->Serve(model);
}

void Server::OnModelAdded(const std::shared_ptr<Model>& model) {
  models_.push_back(model);
  flow_.Describe(model);
  // Before the start the configuration's endpoints are made of all models at once.
  if (control_ == nullptr) return;
  auto endpoint = Endpoint::Make(fmt::format("{}.run.{}", config_.nats.prefix, model->config.name),
                                 model, nlohmann::json::object(), config_.limits.input_bytes);
  if (!endpoint.ok()) return;  // it has no contract yet: nothing to contradict
  routes_.Add(std::move(*endpoint));
  if (!serving_) return;
  Status status = routes_.Subscribe();
  if (status.ok()) status = intake_->Confirm();
  if (!status.ok()) log_.error("{}: {}", model->config.name, status.ToString());
  if (durable_ != nullptr) durable_->Serve(model);
}

void Server::OnPluginsChanged() { ServeWhenReady(); }

Status Server::StartNats() {
  ServerLink link{config_.nats.urls, config_.nats.login, config_.host_name, &nats_log_};
  if (config_.nats.embedded) {
    auto embedded = EmbeddedServer::Start(io_, config_.nats, config_.state_dir, log_);
    if (!embedded.ok()) return embedded.status();
    embedded_ = std::move(*embedded);
    link.urls = {embedded_->url()};
  }
  // Daemons spread over the servers; all connections of one go to the same.
  std::shuffle(link.urls.begin(), link.urls.end(), std::minstd_rand(std::random_device{}()));
  for (const std::string& url : link.urls) {
    if (!url_.empty()) url_ += ',';
    url_ += WithoutSecrets(url);
  }
  if (Status status = publisher_.Open(link); !status.ok()) return status;
  auto connection = Connection::Open(link, "intake", this);
  if (!connection.ok()) return connection.status();
  intake_ = std::make_unique<Intake>(io_, std::move(*connection), [this](Arrival arrival) {
    subscriptions_.OnArrival(std::move(arrival));
  });
  subscriptions_.Use(intake_.get());
  if (config_.jobs.enabled) {
    if (Status durable = StartDurableJobs(link); !durable.ok()) return durable;
  }
  // Our own server takes a moment to start; any other is missing.
  if (embedded_ == nullptr && !intake_->connection().connected()) {
    log_.warn("no NATS server at {} yet; trying on", url_);
  }
  return Status::Ok();
}

Status Server::StartDurableJobs(const ServerLink& link) {
  objects_ =
      std::make_unique<ObjectStore>(DurableNames(config_.nats.prefix).objects, config_.jobs.keep);
  Status status = objects_->Open(link);
  if (!status.ok()) return status;
  flow_.UseObjects(objects_.get(), config_.jobs.inline_bytes);
  durable_ = std::make_unique<DurableJobs>(
      DurableJobs::Parts{io_, config_, flow_, *objects_, publisher_, metrics_, log_,
                         [this](const std::string& model) { return routes_.OfModel(model); },
                         [this](const Model& model) { return plugins_->LastLines(model); }});
  return durable_->Open(link);
}

void Server::DigestWeights() {
  // Folders may hold many gigabytes, for which nobody is kept waiting.
  std::map<std::shared_ptr<Model>, std::string> files;
  std::map<std::shared_ptr<Model>, std::string> folders;
  for (const auto& model : models_) {
    const std::string& weights = model->config.weights;
    std::error_code error;
    if (weights.empty()) continue;
    (std::filesystem::is_directory(weights, error) ? folders : files).emplace(model, weights);
  }
  digester_ = std::thread([this, files = std::move(files), folders = std::move(folders)] {
    const auto digest = [this](const std::shared_ptr<Model>& model, const std::string& weights) {
      auto sum = Sha256OfWeights(weights);
      if (!sum.ok()) return;  // the plugin says what is wrong with them when it loads
      boost::asio::post(io_, [this, model, weights, sum = std::move(*sum)] {
        if (model->config.weights != weights) return;  // a reload has been
        model->weights_digest = sum;
        flow_.Describe(model);
      });
    };
    for (const auto& [model, weights] : files) digest(model, weights);
    boost::asio::post(io_, [this] {
      digested_ = true;
      ServeWhenReady();
    });
    for (const auto& [model, weights] : folders) digest(model, weights);
  });
}

void Server::ServeWhenReady() {
  if (serving_ || state_ != "starting" || intake_ == nullptr) return;
  if (!intake_->connection().connected()) return;
  const bool loading = std::any_of(models_.begin(), models_.end(), [](const auto& model) {
    return model->config.preload && model->state == ModelState::kLoading;
  });
  if (loading || !digested_ || plugins_->starting() || !health_->ready()) return;
  serving_ = true;
  if (const Status status = Subscribe(); !status.ok()) {
    log_.error("{}", status.ToString());
    stop_reason_ = "cannot subscribe";
    stop_.Set();
    return;
  }
  if (durable_ != nullptr) {
    for (const auto& model : models_) durable_->Serve(model);
  }
  SetState("ready");
  log_.info("ready: {}", StatusLine());
  NotifyReady(service_->Line());
}

Status Server::Subscribe() {
  if (Status status = routes_.Subscribe(); !status.ok()) return status;
  const std::vector<std::string>& verbs = ControlService::Verbs();
  for (size_t verb = 0; verb < verbs.size(); ++verb) {
    const std::string subject = fmt::format("{}.control.{}", config_.nats.prefix, verbs[verb]);
    Status status = SubscribeTo(
        subject, "", [this, verb](const Message& message) { control_->Answer(verb, message); });
    if (!status.ok()) return status;
  }
  if (Status status = SubscribeToCancels(); !status.ok()) return status;
  for (const std::string& subject : MicroService::Subjects()) {
    Status status =
        SubscribeTo(subject, "", [this](const Message& message) { micro_->Answer(message); });
    if (!status.ok()) return status;
  }
  for (const std::string& verb : PluginControl::Verbs()) {
    const std::string subject = fmt::format("{}.control.{}", config_.nats.prefix, verb);
    Status status = SubscribeTo(subject, "", [this, verb](const Message& message) {
      plugin_control_->Answer(verb, message);
    });
    if (!status.ok()) return status;
  }
  for (const std::string& verb : OperatorControl::Verbs()) {
    const std::string subject = fmt::format("{}.control.{}", config_.nats.prefix, verb);
    Status status = SubscribeTo(subject, "", [this, verb](const Message& message) {
      operator_control_->Answer(verb, message);
    });
    if (!status.ok()) return status;
  }
  // Whoever is told that we are ready must be heard by us: the server has the subscriptions once it
  // has answered a ping.
  return intake_->Confirm();
}

bool Server::BeginDrain() {
  if (state_ == "draining" || *stop_reason_ != '\0') return false;
  stop_reason_ = "asked to drain";
  stop_.Set();
  return true;
}

Status Server::SubscribeToCancels() {
  Status status = SubscribeTo(cancel_->subject(), "",
                              [this](const Message& request) { cancel_->OnRequest(request); });
  if (status.ok()) {
    status = SubscribeTo(cancel_->subject(), config_.nats.queue_group,
                         [this](const Message& request) { cancel_->OnElected(request); });
  }
  if (status.ok()) {
    status = SubscribeTo(cancel_->taken_subject(), "",
                         [this](const Message& note) { cancel_->OnTaken(note); });
  }
  return status;
}

Status Server::SubscribeTo(const std::string& subject, const std::string& group,
                           Subscriptions::Handler handler) {
  return subscriptions_.Add(subject, group, std::move(handler)).status();
}

void Server::OnModelChanged(Model& model) {
  plugins_->UpdateModel(model);
  if (serving_ && durable_ != nullptr) durable_->Refresh(model);
  if (model.state == ModelState::kLoading) {
    if (service_ != nullptr) service_->Tell();
    return;
  }
  ServeWhenReady();
}

void Server::OnHealthChanged() {
  if (state_ == "draining") return;
  if (service_ != nullptr) service_->Tell();
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

std::string Server::StatusLine() const {
  const auto ready = std::count_if(models_.begin(), models_.end(), [](const auto& model) {
    return model->state == ModelState::kReady;
  });
  const std::string wrong = health_->Summary();
  const size_t devices = pool_.devices().size();
  return fmt::format("{}{} models ({} loaded), {} {}, {}",
                     wrong.empty() ? "" : fmt::format("degraded: {}; ", wrong), models_.size(),
                     ready, devices, devices == 1 ? "device" : "devices", url_);
}

}  // namespace darkroom
