// SPDX-License-Identifier: Apache-2.0

#include "control/micro_service.h"

#include <fmt/chrono.h>

#include <random>
#include <string_view>
#include <utility>

#include "control/control_answer.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr std::string_view kPrefix = "$SRV.";

// RFC 3339 with milliseconds, without which nats-py does not read it.
std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)), ms);
}

std::string MakeId() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}", device(), device(), device());
}

// Takes the next token off a subject.
std::string_view TakeToken(std::string_view* subject) {
  const size_t end = std::min(subject->find('.'), subject->size());
  const std::string_view token = subject->substr(0, end);
  subject->remove_prefix(std::min(end + 1, subject->size()));
  return token;
}

}  // namespace

MicroService::MicroService(const Config& config, const Models& models, const Endpoints& endpoints,
                           Publisher& publisher)
    : config_(config),
      models_(models),
      endpoints_(endpoints),
      publisher_(publisher),
      started_(Now()) {}

std::vector<std::string> MicroService::Subjects() {
  std::vector<std::string> subjects;
  for (const char* verb : {"PING", "INFO", "STATS"}) {
    for (const char* rest : {"", ".*", ".*.*"})
      subjects.push_back(fmt::format("$SRV.{}{}", verb, rest));
  }
  return subjects;
}

void MicroService::Answer(const Message& message) {
  if (message.reply().empty()) return;
  std::string_view subject = message.subject();
  subject.remove_prefix(std::min(kPrefix.size(), subject.size()));
  const std::string_view verb = TakeToken(&subject);
  const std::string_view name = TakeToken(&subject);
  const std::string_view id = TakeToken(&subject);
  for (const auto& model : models_) {
    // Nobody would be served; `darkroom models ls` says why.
    if (model->broken) continue;
    if (!name.empty() && name != model->config.name) continue;
    if (!id.empty() && id != IdOf(*model)) continue;
    const json answer = verb == "PING"   ? Ping(*model)
                        : verb == "INFO" ? Info(*model)
                                         : Stats(*model);
    publisher_.Publish(std::make_unique<ControlAnswer>(std::string(message.reply()), answer));
  }
}

const std::string& MicroService::IdOf(const Model& model) {
  std::string& id = ids_[model.config.name];
  if (id.empty()) id = MakeId();
  return id;
}

const std::string& MicroService::QueueGroup(const Endpoint& endpoint) const {
  for (const RouteConfig& route : config_.routes) {
    if (route.subject == endpoint.subject) return route.queue_group;
  }
  return config_.nats.queue_group;
}

json MicroService::Common(const Model& model, const char* type) {
  return {{"type", fmt::format("io.nats.micro.v1.{}_response", type)},
          {"name", model.config.name},
          {"id", IdOf(model)},
          {"version", model.info().version},
          {"metadata",
           {{"darkroom.host", config_.host_name},
            {"darkroom.plugin", model.info().id},
            {"darkroom.generation", std::to_string(model.contract->generation)}}}};
}

json MicroService::Ping(const Model& model) { return Common(model, "ping"); }

json MicroService::Info(const Model& model) {
  json answer = Common(model, "info");
  answer["description"] = model.info().summary;
  json list = json::array();
  for (const auto& endpoint : endpoints_) {
    if (endpoint->model.get() != &model) continue;
    list.push_back({{"name", list.empty() ? "run" : fmt::format("route-{}", list.size())},
                    {"subject", endpoint->subject},
                    {"queue_group", QueueGroup(*endpoint)},
                    {"metadata", json::object()}});
  }
  answer["endpoints"] = std::move(list);
  return answer;
}

json MicroService::Stats(const Model& model) {
  json answer = Common(model, "stats");
  answer["started"] = started_;
  json list = json::array();
  for (const auto& endpoint : endpoints_) {
    if (endpoint->model.get() != &model) continue;
    const EndpointStats& stats = *endpoint->stats;
    list.push_back(
        {{"name", list.empty() ? "run" : fmt::format("route-{}", list.size())},
         {"subject", endpoint->subject},
         {"queue_group", QueueGroup(*endpoint)},
         {"num_requests", stats.requests},
         {"num_errors", stats.errors},
         {"last_error", stats.last_error},
         {"processing_time", stats.processing_ns},
         {"average_processing_time",
          stats.answered == 0 ? 0 : stats.processing_ns / stats.answered},
         {"data", {{"waiting", model.queue.size()}, {"queue", model.queue.capacity()}}}});
  }
  answer["endpoints"] = std::move(list);
  return answer;
}

}  // namespace darkroom
