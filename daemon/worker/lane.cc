// SPDX-License-Identifier: Apache-2.0

#include "worker/lane.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "core/json.h"

namespace darkroom {
namespace {

// One batch runs, one is at hand. More would only take jobs from the scheduler before it need
// decide.
constexpr uint32_t kDepth = 2;

// CLOCK_MONOTONIC, which is what libstdc++'s steady_clock counts.
uint64_t MonotonicNs(std::chrono::steady_clock::time_point time) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

host::OutputForm::Image ImageOf(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return host::OutputForm::Image::kPng;
    case ImageFormat::kJpeg:
      return host::OutputForm::Image::kJpeg;
    case ImageFormat::kWebp:
      return host::OutputForm::Image::kWebp;
    case ImageFormat::kNatural:
      break;
  }
  return host::OutputForm::Image::kNatural;
}

host::HostJob ToHostJob(const Job& job) {
  host::HostJob out;
  out.token = job.token;
  out.id = job.id;
  out.params = *job.params;
  out.inputs.reserve(job.request.inputs.size());
  for (const RequestInput& input : job.request.inputs) {
    out.inputs.push_back({input.info->name, input.content_type, input.bytes});
  }
  out.form.image = ImageOf(job.request.form.image);
  out.form.quality = job.request.form.quality;
  out.deadline_ns = MonotonicNs(job.deadline);
  out.cancel = &job.cancel;
  return out;
}

}  // namespace

std::string_view InstanceStateName(InstanceState state) {
  switch (state) {
    case InstanceState::kUnloaded:
      return "unloaded";
    case InstanceState::kLoading:
      return "loading";
    case InstanceState::kIdle:
      return "idle";
    case InstanceState::kRunning:
      return "running";
    case InstanceState::kFailed:
      return "failed";
  }
  return "unknown";
}

Lane::Lane(const Parts& parts, const Device& device, uint32_t index)
    : parts_(parts), device_(device), index_(index) {}

Lane::~Lane() { *alive_ = false; }

Status Lane::AddModel(std::shared_ptr<Model> model, host::Plugin& plugin) {
  auto slot = std::make_unique<Slot>();
  Slot* address = slot.get();
  slot->events = std::make_unique<EventRelay>(
      parts_.io, model->config.name, parts_.log,
      [this, address](HostEvent event) { OnEvent(address, std::move(event)); });

  nlohmann::json config = {{"name", model->config.name}, {"options", model->config.options}};
  if (!model->config.weights.empty()) config["weights"] = model->config.weights;
  host::InstanceSpec spec;
  spec.model = model->config.name;
  spec.config = WriteJson(config);
  spec.lane.device_type = device_.kind == DeviceKind::kCuda ? 2 : 1;  // DLPack's codes
  spec.lane.device_id = device_.index;
  spec.lane.max_batch = model->max_batch;
  auto instance = plugin.Create(spec, slot->events.get());
  if (!instance.ok()) return instance.status();
  slot->instance = std::move(*instance);
  slot->model = std::move(model);
  slots_.push_back(std::move(slot));
  return Status::Ok();
}

void Lane::Open() {
  std::vector<Model*> models;
  for (const auto& slot : slots_) models.push_back(slot->model.get());
  parts_.scheduler.AddLane(this, std::move(models));
}

void Lane::Load(const Model& model) {
  Slot* slot = Find(&model);
  if (slot == nullptr) return;
  if (slot->state != InstanceState::kUnloaded && slot->state != InstanceState::kFailed) return;
  slot->state = InstanceState::kLoading;
  slot->model->state = ModelState::kLoading;
  parts_.observer.OnModelChanged(*slot->model);
  slot->instance->Load();
}

void Lane::Wake() {
  if (asked_) return;
  asked_ = true;
  // Behind the rest of the burst that is being read, so that one batch takes all of it.
  boost::asio::post(parts_.io, [this, alive = alive_] {
    if (!*alive) return;
    asked_ = false;
    Ask();
  });
}

std::vector<Lane::InstanceView> Lane::Instances() const {
  std::vector<InstanceView> views;
  for (const auto& slot : slots_) {
    views.push_back({slot->model.get(), slot->state, slot->jobs_ended, slot->last_used});
  }
  return views;
}

void Lane::Ask() {
  while (outstanding_ < kDepth) {
    const Model* only = outstanding_ > 0 ? current_->model.get() : nullptr;
    const std::vector<Job*> batch = parts_.scheduler.Next(this, only);
    if (batch.empty()) return;
    Run(Find(batch.front()->model.get()), batch);
  }
}

void Lane::Run(Slot* slot, const std::vector<Job*>& batch) {
  const auto now = Job::Clock::now();
  std::vector<host::HostJob> jobs;
  jobs.reserve(batch.size());
  for (Job* job : batch) {
    host::JobResult dropped;
    if (job->cancel.load(std::memory_order_relaxed) != 0) {
      dropped.status = {Code::kCancelled, "cancelled while it waited"};
    } else if (job->deadline <= now) {
      dropped.status = {Code::kDeadlineExceeded, "the deadline passed while the job waited",
                        "allow more time with Darkroom-Deadline"};
    } else {
      parts_.jobs.Start(job);
      jobs.push_back(ToHostJob(*job));
      continue;
    }
    parts_.observer.OnJobDone(job->token, std::move(dropped), &device_);
  }
  if (jobs.empty()) return;
  Load(*slot->model);
  current_ = slot;
  ++outstanding_;
  if (slot->state == InstanceState::kIdle) slot->state = InstanceState::kRunning;
  slot->instance->Run(std::move(jobs));
}

Lane::Slot* Lane::Find(const Model* model) {
  for (const auto& slot : slots_) {
    if (slot->model.get() == model) return slot.get();
  }
  return nullptr;
}

void Lane::OnEvent(Slot* slot, HostEvent event) {
  switch (event.kind) {
    case HostEvent::Kind::kLoaded:
      OnLoaded(slot, event.result.status, event.result.load_ms);
      break;
    case HostEvent::Kind::kFinished:
      ++slot->jobs_ended;
      // The host can only say that nothing is loaded; the words for why came before.
      if (!slot->load_error.ok()) event.result.status = slot->load_error;
      parts_.observer.OnJobDone(event.token, std::move(event.result), &device_);
      break;
    case HostEvent::Kind::kBatchDone:
      --outstanding_;
      slot->last_used = std::chrono::steady_clock::now();
      if (outstanding_ == 0 && slot->state == InstanceState::kRunning) {
        slot->state = InstanceState::kIdle;
      }
      Ask();
      break;
    case HostEvent::Kind::kProgress:
      parts_.observer.OnJobProgress(event.token, event.fraction, event.stage);
      break;
    case HostEvent::Kind::kUnloaded:
      slot->state = InstanceState::kUnloaded;
      break;
  }
}

void Lane::OnLoaded(Slot* slot, const Status& status, double load_ms) {
  Model& model = *slot->model;
  slot->load_error = status;
  slot->last_used = std::chrono::steady_clock::now();
  if (status.ok()) {
    slot->state =
        outstanding_ > 0 && current_ == slot ? InstanceState::kRunning : InstanceState::kIdle;
    model.state = ModelState::kReady;
    model.error = Status::Ok();
    parts_.log.info("{}: loaded on {} in {:.0f} ms", model.config.name, device_.id, load_ms);
  } else {
    slot->state = InstanceState::kFailed;
    model.state = ModelState::kFailed;
    model.error = status;
    parts_.log.error("{}: cannot be loaded on {}: {}", model.config.name, device_.id,
                     status.ToString());
  }
  parts_.observer.OnModelChanged(model);
}

}  // namespace darkroom
