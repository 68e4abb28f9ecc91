// SPDX-License-Identifier: Apache-2.0

#include "control/control_service.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "control/control_answer.h"
#include "core/version.h"

namespace darkroom {
namespace {

using nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

double Seconds(SteadyClock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

json DescribeValues(const std::vector<ValueInfo>& values) {
  json list = json::array();
  for (const ValueInfo& value : values) {
    json item = {{"name", value.name}, {"kind", ValueKindName(value.kind)}};
    if (!value.dtype.empty()) item["dtype"] = value.dtype;
    if (!value.shape.empty()) item["shape"] = value.shape;
    if (value.optional) item["optional"] = true;
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace

ControlService::ControlService(ControlView view, Publisher* publisher)
    : view_(std::move(view)), publisher_(publisher) {}

const std::vector<std::string>& ControlService::Verbs() {
  static const std::vector<std::string> kVerbs = {"status", "models", "ps"};
  return kVerbs;
}

void ControlService::Answer(size_t verb, const Message& message) {
  if (message.reply().empty()) return;
  const json answer = verb == 0 ? Status() : verb == 1 ? Models() : Ps();
  publisher_->Publish(std::make_unique<ControlAnswer>(std::string(message.reply()), answer));
}

json ControlService::Status() const {
  const auto uptime = std::chrono::system_clock::now() - started_;
  std::array<uint64_t, 4> states{};
  for (const auto& model : view_.models) ++states[static_cast<size_t>(model->state)];
  const Connection& connection = publisher_->connection();
  return {
      {"host", view_.host},
      {"version", kVersion},
      {"pid", getpid()},
      {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                              fmt::gmtime(std::chrono::system_clock::to_time_t(started_)))},
      {"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
      {"state", view_.state},
      {"nats",
       {{"url", view_.url},
        {"connected", connection.connected()},
        {"reconnects", connection.reconnects()},
        {"max_payload", connection.max_payload()}}},
      {"jobs",
       {{"queued", view_.jobs.Count(JobState::kQueued)},
        {"running", view_.jobs.Count(JobState::kRunning)},
        {"succeeded", view_.jobs.Count(JobState::kSucceeded)},
        {"failed", view_.jobs.Count(JobState::kFailed)},
        {"cancelled", view_.jobs.Count(JobState::kCancelled)},
        {"expired", view_.jobs.Count(JobState::kExpired)},
        {"refused", view_.admission.refused()}}},
      {"models",
       {{"ready", states[static_cast<size_t>(ModelState::kReady)]},
        {"loading", states[static_cast<size_t>(ModelState::kLoading)]},
        {"unloaded", states[static_cast<size_t>(ModelState::kUnloaded)]},
        {"failed", states[static_cast<size_t>(ModelState::kFailed)]}}},
  };
}

json ControlService::Models() const {
  json models = json::array();
  for (const auto& model : view_.models) {
    json subjects = json::array();
    for (const auto& endpoint : view_.endpoints) {
      if (endpoint->model == model) subjects.push_back(endpoint->subject);
    }
    json item = {{"name", model->config.name},
                 {"summary", model->info().summary},
                 {"plugin", {{"id", model->info().id}, {"version", model->info().version}}},
                 {"state", ModelStateName(model->state)},
                 {"subjects", std::move(subjects)},
                 {"inputs", DescribeValues(model->info().inputs)},
                 {"outputs", DescribeValues(model->info().outputs)},
                 {"params", model->info().params},
                 {"queue", {{"waiting", model->queue.size()}, {"max", model->queue.capacity()}}}};
    if (model->info().id.empty()) item["plugin"]["id"] = model->config.plugin;
    if (!model->error.ok()) {
      item["error"] = ErrorJson(model->error);
    }
    models.push_back(std::move(item));
  }
  return {{"host", view_.host}, {"models", std::move(models)}};
}

json ControlService::Ps() const {
  const auto now = SteadyClock::now();
  json devices = json::array();
  for (const Device& device : view_.pool.devices()) {
    uint32_t running = 0;
    for (const auto& lane : view_.lanes) {
      if (&lane->device() == &device && lane->running()) ++running;
    }
    json item = {{"id", device.id},
                 {"lanes", device.lanes},
                 {"running", running},
                 {"leased_bytes", view_.pool.LedgerOf(device).leased()}};
    if (device.memory > 0) item["memory_bytes"] = device.memory;
    devices.push_back(std::move(item));
  }
  json instances = json::array();
  for (const auto& lane : view_.lanes) {
    for (const auto& [slot, serves] : lane->Slots()) {
      const bool used = slot->last_used() != SteadyClock::time_point();
      json item = {{"model", slot->model().config.name},
                   {"device", lane->device().id},
                   {"lane", lane->index()},
                   {"state", SlotStateName(slot->state())},
                   {"generation", slot->contract()->generation},
                   {"pid", slot->hosting().pid()},
                   {"jobs_ended", slot->jobs_ended()},
                   {"idle_s", used ? Seconds(now - slot->last_used()) : 0.0}};
      if (!serves) item["serves"] = false;
      const Residency::View view = lane->LookAt(slot);
      if (slot->loaded()) item["leased_bytes"] = view.bytes;
      if (view.kept_until) item["kept_s"] = std::max(0.0, Seconds(*view.kept_until - now));
      instances.push_back(std::move(item));
    }
  }
  json jobs = json::array();
  view_.jobs.ForEach([&](const Job& job) {
    jobs.push_back({{"id", job.id},
                    {"model", job.model->config.name},
                    {"state", JobStateName(job.state)},
                    {"age_ms", Seconds(now - job.accepted) * 1000},
                    {"fraction", job.progress},
                    {"stage", job.stage}});
  });
  return {{"host", view_.host},
          {"devices", std::move(devices)},
          {"instances", std::move(instances)},
          {"jobs", std::move(jobs)}};
}

}  // namespace darkroom
