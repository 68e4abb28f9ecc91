// SPDX-License-Identifier: Apache-2.0

#include "control/control_service.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "control/control_answer.h"
#include "core/process_memory.h"
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

json DescribeTroubles(const ConnectionLog& log) {
  const auto now = std::chrono::system_clock::now();
  json list = json::array();
  for (const ConnectionLog::Entry& entry : log.Entries()) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - entry.last);
    list.push_back({{"kind", NatsTroubleName(entry.kind)},
                    {"connection", entry.connection},
                    {"what", entry.what},
                    {"times", entry.times},
                    {"age_s", age.count()}});
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
  const bool healthy = view_.health.all_healthy();
  std::array<uint64_t, 3> devices{};
  for (const Device& device : view_.pool.devices()) {
    if (!device.error.ok()) continue;  // it is not there
    ++devices[static_cast<size_t>(view_.pool.HealthOf(device).state())];
  }
  return {
      {"host", view_.host},
      {"version", kVersion},
      {"pid", getpid()},
      {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                              fmt::gmtime(std::chrono::system_clock::to_time_t(started_)))},
      {"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
      {"state", view_.state == "ready" && !healthy ? "degraded" : view_.state},
      {"healthy", view_.state == "ready" && healthy},
      {"devices",
       {{"healthy", devices[static_cast<size_t>(HealthState::kHealthy)]},
        {"suspected", devices[static_cast<size_t>(HealthState::kSuspected)]},
        {"quarantined", devices[static_cast<size_t>(HealthState::kQuarantined)]}}},
      {"nats",
       {{"url", view_.url},
        {"connected", connection.connected()},
        {"reconnects", connection.reconnects()},
        {"max_payload", connection.max_payload()},
        {"lame_duck", connection.lame_duck()},
        {"troubles", DescribeTroubles(view_.nats_log)}}},
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
    if (!model->queue.empty()) {
      item["queue"]["for"] = WaitWord(model->waits.cause(), model->queue.lines().front().job_class);
    }
    if (model->info().id.empty()) item["plugin"]["id"] = model->config.plugin;
    if (!model->error.ok()) {
      item["error"] = ErrorJson(model->error);
    }
    models.push_back(std::move(item));
  }
  return {{"host", view_.host}, {"models", std::move(models)}};
}

json ControlService::DescribeDevice(const Device& device) const {
  const auto now = SteadyClock::now();
  uint32_t running = 0;
  double busy = 0;
  for (const auto& lane : view_.lanes) {
    if (&lane->device() != &device) continue;
    if (lane->running()) ++running;
    busy += lane->BusyPart(now);
  }
  json item = {{"id", device.id},
               {"lanes", device.lanes},
               {"running", running},
               {"lanes_busy_percent", std::lround(100 * busy / std::max(device.lanes, 1U))},
               {"leased_bytes", view_.pool.LedgerOf(device).leased()}};
  if (device.memory > 0) item["memory_bytes"] = device.memory;
  if (device.simulated) item["speed"] = device.speed;
  if (!device.error.ok()) {
    item["error"] = ErrorJson(device.error);
  } else {
    const Health& health = view_.pool.HealthOf(device);
    item["health"] = HealthStateName(health.state());
    item["losses"] = health.losses();
    if (!health.usable()) {
      item["error"] = ErrorJson(health.why());
      item["since_s"] = Seconds(now - health.since());
      if (health.probe_at()) item["probe_s"] = std::max(0.0, Seconds(*health.probe_at() - now));
    }
  }
  if (!device.gpu) return item;
  item["name"] = device.gpu->name;
  item["pci"] = device.gpu->pci;
  item["uuid"] = device.gpu->uuid;
  item["total_bytes"] = device.gpu->memory;
  const std::optional<GpuLoad> load = view_.gpus.LoadOf(device.gpu->number);
  if (!load) return item;
  if (load->memory_used) item["used_bytes"] = *load->memory_used;
  if (load->busy_percent) item["busy_percent"] = *load->busy_percent;
  if (load->temperature_c) item["temperature_c"] = *load->temperature_c;
  json processes = json::array();
  for (const GpuLoad::Process& one : load->processes) {
    json process = {{"pid", one.pid}};
    if (one.memory) process["used_bytes"] = *one.memory;
    processes.push_back(std::move(process));
  }
  item["processes"] = std::move(processes);
  return item;
}

std::optional<uint64_t> ControlService::MeasuredBytes(const Device& device, pid_t pid) const {
  if (device.kind != DeviceKind::kCuda) return ResidentBytes(pid);
  const auto load = device.gpu ? view_.gpus.LoadOf(device.gpu->number) : std::nullopt;
  if (!load) return std::nullopt;
  for (const GpuLoad::Process& one : load->processes) {
    if (one.pid == static_cast<uint32_t>(pid)) return one.memory;
  }
  return std::nullopt;
}

json ControlService::Ps() const {
  const auto now = SteadyClock::now();
  json devices = json::array();
  for (const Device& device : view_.pool.devices()) devices.push_back(DescribeDevice(device));
  json instances = json::array();
  for (const auto& lane : view_.lanes) {
    for (const auto& [slot, serves, home] : lane->Slots()) {
      // Where it could be loaded, too.
      if (!home && (slot->asleep() || slot->state() == SlotState::kUnloaded)) continue;
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
      const auto measured = MeasuredBytes(lane->device(), slot->hosting().pid());
      if (measured) item["process_bytes"] = *measured;
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
