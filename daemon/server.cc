// SPDX-License-Identifier: Apache-2.0

#include "server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "control/systemd.h"
#include "core/digest.h"
#include "core/redact.h"
#include "core/version.h"

namespace darkroom {
namespace {

// Jobs that wait past their deadline are told so within this time.
constexpr auto kExpiryTick = std::chrono::milliseconds(100);
constexpr auto kProgressGap = std::chrono::milliseconds(100);
// The last replies are written and confirmed by the server within this time.
constexpr auto kFlushTimeout = std::chrono::milliseconds(5000);

double Ms(Job::Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

Server::Server(Config config, Logger& log)
    : config_(std::move(config)),
      log_(log),
      places_(FindPlaces(config_)),
      admission_(&jobs_, config_.limits.queued_bytes) {}

Server::~Server() {
  if (digester_.joinable()) digester_.join();
}

Status Server::Start() {
  log_.info("darkroomd {} starting as '{}'", kVersion, config_.host_name);
  if (Status status = StartModels(); !status.ok()) return status;
  if (Status status = StartNats(); !status.ok()) return status;
  control_ =
      std::make_unique<ControlService>(ControlView{config_.host_name, url_, models_, lanes_,
                                                   devices_, endpoints_, jobs_, admission_, state_},
                                       publisher_.get());
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) Stop(signal == SIGTERM ? "SIGTERM" : "SIGINT");
  });
  for (const auto& model : models_) {
    if (!model->config.preload || model->broken) continue;
    for (const auto& lane : lanes_) lane->Load(*model);
  }
  DigestWeights();
  return Status::Ok();
}

bool Server::Run() {
  io_.run();
  return all_answered_;
}

Status Server::StartModels() {
  registry_ = std::make_unique<PluginRegistry>(places_.plugin_folder.string(),
                                               std::vector<std::string>{places_.torch_lib()});
  devices_ = FindDevices(config_.devices);
  const std::vector<ModelSetup> setups = SetUpModels(config_, registry_.get());
  for (const Device& device : devices_) {
    for (uint32_t index = 0; index < device.lanes; ++index) {
      lanes_.push_back(
          std::make_unique<Lane>(Lane::Parts{io_, scheduler_, jobs_, *this, log_}, device, index));
    }
  }
  if (Status status = OpenPlugins(setups); !status.ok()) return status;
  auto endpoints = SetUpEndpoints(config_, setups);
  if (!endpoints.ok()) return endpoints.status();
  endpoints_ = std::move(*endpoints);
  for (const ModelSetup& setup : setups) {
    models_.push_back(setup.model);
    receipts_[setup.model.get()] = ReceiptOf(*setup.model);
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
  publisher_ = std::make_unique<Publisher>(log_);
  Status status = publisher_->Open(urls, fmt::format("darkroomd {} replies", config_.host_name));
  if (!status.ok()) return status;
  replier_ = std::make_unique<Replier>(publisher_.get(), config_.nats.prefix);
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
        receipts_[model.get()] = ReceiptOf(*model);
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
    Stop("cannot subscribe");
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
    OnRequest(endpoints_[arrival.subscription], std::move(arrival.message));
  } else {
    control_->Answer(arrival.subscription - endpoints_.size(), arrival.message);
  }
}

void Server::OnRequest(const Endpoint& endpoint, Message message) {
  Refusal refusal;
  if (admission_.Admit(endpoint, std::move(message), &refusal) != nullptr) {
    scheduler_.Enqueued(endpoint.model.get());
    ArmExpiry();
    return;
  }
  if (refusal.request.reply.empty()) {
    log_.warn("refused on '{}': {}", endpoint.subject, refusal.status.ToString());
    return;
  }
  log_.debug("refused on '{}': {}", endpoint.subject, refusal.status.ToString());
  Receipt receipt;
  receipt.model = receipts_[endpoint.model.get()];
  receipt.job = refusal.request.id;
  replier_->Error(std::move(refusal.request.reply), std::move(receipt), std::move(refusal.status),
                  refusal.retry_after_s);
}

void Server::ArmExpiry() {
  if (expiry_armed_) return;
  expiry_armed_ = true;
  expiry_.expires_after(kExpiryTick);
  expiry_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    expiry_armed_ = false;
    ExpireWaiting();
    if (jobs_.size() > 0) ArmExpiry();
  });
}

void Server::ExpireWaiting() {
  const auto now = Job::Clock::now();
  std::vector<Job*> expired;
  jobs_.ForEach([&](Job& job) {
    if (job.state == JobState::kQueued && job.deadline <= now) expired.push_back(&job);
  });
  for (Job* job : expired) {
    job->model->queue.Remove(job);
    host::JobResult result;
    result.status = {Code::kDeadlineExceeded, "the deadline passed while the job waited",
                     "allow more time with Darkroom-Deadline"};
    OnJobDone(job->token, std::move(result), devices_.front());
  }
}

void Server::OnJobDone(uint64_t token, host::JobResult result, const Device& device) {
  const Job* running = jobs_.Find(token);
  if (running == nullptr) return;
  const ReplyForm::Body form = running->request.form.body;
  // A plugin that polls cannot tell the two reasons to stop apart.
  if (result.status.code() == Code::kCancelled && running->cancel == 0 &&
      running->deadline <= Job::Clock::now()) {
    result.status = {Code::kDeadlineExceeded, "the deadline passed while the job ran",
                     "allow more time with Darkroom-Deadline"};
  }
  if (result.status.ok()) result.status = replier_->CheckSize(form, result.outputs);

  const std::unique_ptr<Job> job = jobs_.End(token, TerminalState(result.status.code()));
  Model& model = *job->model;
  ++model.jobs_ended;
  Receipt receipt = MakeReceipt(*job, result, device);
  if (result.status.ok()) {
    // Recent jobs count more: a moving mean over about ten.
    model.mean_run_ms += (receipt.run_ms - model.mean_run_ms) / 10;
    log_.debug("{} {}: succeeded: decoded {:.2f} ms, ran {:.2f} ms, encoded {:.2f} ms", job->id,
               model.config.name, result.decode_ms, result.infer_ms, result.encode_ms);
    replier_->Result(std::move(job->request), std::move(receipt), std::move(result.outputs));
  } else {
    log_.info("{} {}: {}: {}", job->id, model.config.name, JobStateName(job->state),
              result.status.ToString());
    replier_->Error(std::move(job->request.reply), std::move(receipt), std::move(result.status));
  }
}

void Server::OnJobProgress(uint64_t token, double fraction, std::string_view stage) {
  Job* job = jobs_.Find(token);
  if (job == nullptr) return;
  job->progress = fraction;
  job->stage = stage;
  if (!job->request.progress) return;
  const auto now = Job::Clock::now();
  // The last step is always told; others only so often.
  if (now - job->progress_sent < kProgressGap && fraction < 1) return;
  job->progress_sent = now;
  replier_->Progress(job->id, fraction, job->stage);
}

void Server::OnModelChanged(Model& model) {
  if (model.state == ModelState::kLoading) {
    if (state_ == "starting") NotifyStatus(fmt::format("Loading {}", model.config.name));
    return;
  }
  ServeWhenReady();
}

Receipt Server::MakeReceipt(const Job& job, const host::JobResult& result,
                            const Device& device) const {
  Receipt receipt;
  receipt.model = receipts_.at(job.model.get());
  receipt.job = job.id;
  receipt.attempts = job.attempts;
  if (job.attempts == 0) return receipt;
  receipt.device = device.id;
  receipt.queue_ms = Ms(job.started - job.accepted);
  receipt.load_ms = result.load_ms;
  receipt.run_ms = result.decode_ms + result.infer_ms + result.encode_ms;
  return receipt;
}

std::shared_ptr<const ModelReceipt> Server::ReceiptOf(const Model& model) const {
  auto receipt = std::make_shared<ModelReceipt>();
  receipt->model = model.config.name;
  receipt->host = config_.host_name;
  if (!model.info.id.empty()) {
    receipt->plugin =
        fmt::format("{} {} sha256:{}", model.info.id, model.info.version, model.plugin_digest);
  }
  if (!model.weights_digest.empty()) receipt->weights = "sha256:" + model.weights_digest;
  return receipt;
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

void Server::Stop(const char* why) {
  if (state_ == "draining") return;
  state_ = "draining";
  log_.info("{}: draining {} jobs", why, jobs_.size());
  NotifyStopping(fmt::format("Draining {} jobs", jobs_.size()),
                 config_.drain_timeout + kFlushTimeout);
  drain_.expires_after(config_.drain_timeout);
  drain_.async_wait([this](const boost::system::error_code& error) {
    if (!error) GiveUp();
  });
  intake_->Drain([this] {
    // What the server had already sent us is admitted by now; from here on the only way is out.
    jobs_.Close([this] {
      boost::asio::post(io_, [this] {
        all_answered_ = publisher_->Finish(kFlushTimeout);
        log_.info("stopped: every accepted job was answered{}",
                  all_answered_ ? "" : ", but the server did not confirm the last replies");
        io_.stop();
      });
    });
  });
}

void Server::GiveUp() {
  log_.error("{} jobs still unfinished after {} s; they are answered with an error", jobs_.size(),
             std::chrono::duration_cast<std::chrono::seconds>(config_.drain_timeout).count());
  jobs_.ForEach([this](Job& job) {
    job.cancel.store(1, std::memory_order_relaxed);
    Receipt receipt;
    receipt.model = receipts_.at(job.model.get());
    receipt.job = job.id;
    replier_->Error(
        job.request.reply, std::move(receipt),
        {Code::kBusy, "the daemon stopped before the job was done", "send the request again"}, 1);
  });
  (void)publisher_->Finish(kFlushTimeout);
  io_.stop();
}

std::string Server::StatusLine() const {
  const auto ready = std::count_if(models_.begin(), models_.end(), [](const auto& model) {
    return model->state == ModelState::kReady;
  });
  return fmt::format("{} models ({} loaded), {} devices, {}", models_.size(), ready,
                     devices_.size(), url_);
}

}  // namespace darkroom
