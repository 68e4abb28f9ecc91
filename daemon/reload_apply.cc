// SPDX-License-Identifier: Apache-2.0
//
// What a reload does once the files are found good: settings at once, then models, then the
// subjects that lead to them, and last what goes.

#include <fmt/format.h>
#include <spdlog/common.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string_view>
#include <utility>

#include "config/to_json.h"
#include "core/coroutine.h"
#include "core/digest.h"
#include "reload.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;

constexpr const char* kStopped = "the daemon drains";

ModelConfig* FindConfig(Config* config, const std::string& name) {
  const auto found = std::find_if(config->models.begin(), config->models.end(),
                                  [&name](const ModelConfig& one) { return one.name == name; });
  return found == config->models.end() ? nullptr : &*found;
}

// The sections that a reload takes from the file.
bool IsTaken(std::string_view pointer) {
  constexpr std::array<std::string_view, 6> kTaken = {"/models", "/routes",     "/limits",
                                                      "/log",    "/scheduling", "/drain_timeout"};
  return std::any_of(kTaken.begin(), kTaken.end(),
                     [pointer](std::string_view section) { return pointer.starts_with(section); });
}

}  // namespace

awaitable<void> Reload::Apply(ReloadReport* report) {
  const ReloadPlan& plan = report->plan;
  // Models and routes hold one by one, as they are had.
  Config now = parts_.config;
  parts_.config = plan.config;
  parts_.config.models = now.models;
  parts_.config.routes = now.routes;
  SwitchSettings(plan);
  if (plan.renews_plugins) {
    const Status status = co_await parts_.plugins.Renew();
    if (!status.ok()) Fail(report, "limits", status);
  }
  parts_.routes.ExpectChange(plan.routes_changed);
  parts_.routes.ExpectChange(plan.routes_removed);
  co_await ChangeModels(report);
  co_await AddModels(report);
  if (parts_.state == "draining") {
    Fail(report, "routes", Status(Code::kBusy, kStopped));
    co_return;
  }
  const std::vector<std::shared_ptr<Model>> removed = TakeRemoved(plan);
  co_await SwitchRoutes(report);
  for (const auto& model : removed) StartCoroutine(parts_.io, Remove(model));
}

void Reload::Fail(ReloadReport* report, std::string what, const Status& why) const {
  parts_.log.error("reload: {}: {}", what, why.ToString());
  report->failed.emplace_back(std::move(what), why);
}

void Reload::SwitchSettings(const ReloadPlan& plan) {
  parts_.log.set_level(spdlog::level::from_str(plan.config.log_level));
  parts_.flow.SetLimits(plan.config.limits, plan.config.scheduling);
  parts_.pool.residency().SetPatience(plan.config.scheduling.patience);
  parts_.pool.Touch();
}

std::shared_ptr<Model> Reload::FindModel(const std::string& name) const {
  const auto found = std::find_if(parts_.models.begin(), parts_.models.end(),
                                  [&name](const auto& one) { return one->config.name == name; });
  return found == parts_.models.end() ? nullptr : *found;
}

awaitable<Status> Reload::ServeModel(std::shared_ptr<Model> model, ModelConfig config) {
  const std::string before = model->weights_digest;
  if (config.weights != model->config.weights || before.empty()) {
    const auto digest = [&config]() -> awaitable<std::string> {
      if (config.weights.empty()) co_return std::string();
      const auto sum = Sha256OfWeights(config.weights);
      // What is wrong with them is said by the plugin when it loads them.
      co_return sum.ok() ? *sum : std::string();
    };
    model->weights_digest =
        co_await boost::asio::co_spawn(aside_, digest(), boost::asio::use_awaitable);
  }
  const Status status = co_await parts_.plugins.Serve(model, config);
  if (!status.ok() && model->config.weights != config.weights) model->weights_digest = before;
  co_return status;
}

awaitable<void> Reload::ChangeModels(ReloadReport* report) {
  for (const ReloadPlan::ModelChange& change : report->plan.changed) {
    if (parts_.state == "draining") co_return;
    const std::shared_ptr<Model> model = FindModel(change.name);
    const ModelConfig wanted = *FindConfig(&report->plan.config, change.name);
    if (change.remade) {
      const Status status = co_await ServeModel(model, wanted);
      if (!status.ok()) {
        Fail(report, fmt::format("model '{}'", change.name), status);
        // One that is served goes on as it was, and the next reload tries again.
        if (!model->broken) continue;
      }
    } else {
      const bool load = wanted.preload && !model->config.preload;
      model->config = wanted;
      if (load) {
        const Status status = co_await parts_.plugins.LoadNow(model);
        if (!status.ok()) Fail(report, fmt::format("model '{}'", change.name), status);
      }
    }
    model->queue.set_capacity(wanted.queue);
    *FindConfig(&parts_.config, change.name) = wanted;
    // It may run more at once, or stay longer.
    parts_.flow.scheduler().Enqueued(model.get());
    parts_.pool.Touch();
  }
}

awaitable<void> Reload::AddModels(ReloadReport* report) {
  for (const std::string& name : report->plan.added) {
    if (parts_.state == "draining") co_return;
    const ModelConfig wanted = *FindConfig(&report->plan.config, name);
    // A plugin may serve one of its own by that name.
    std::shared_ptr<Model> model = FindModel(name);
    if (model == nullptr) {
      model = std::make_shared<Model>(wanted, parts_.config.plugins.shadow);
      parts_.flow.Describe(model);
    }
    const Status status = co_await ServeModel(model, wanted);
    model->queue.set_capacity(wanted.queue);
    parts_.config.models.push_back(wanted);
    if (FindModel(name) == nullptr) parts_.models.push_back(model);
    if (!status.ok()) Fail(report, fmt::format("model '{}'", name), status);
  }
}

std::vector<std::shared_ptr<Model>> Reload::TakeRemoved(const ReloadPlan& plan) {
  std::vector<std::shared_ptr<Model>> removed;
  for (const std::string& name : plan.removed) {
    removed.push_back(FindModel(name));
    std::erase(parts_.models, removed.back());
    std::erase_if(parts_.config.models,
                  [&name](const ModelConfig& one) { return one.name == name; });
    if (parts_.durable != nullptr) parts_.durable->Leave(removed.back());
  }
  return removed;
}

awaitable<void> Reload::SwitchRoutes(ReloadReport* report) {
  const Config& config = parts_.config;
  std::vector<Endpoint> wanted;
  std::vector<RouteConfig> routes;
  const auto add = [&](const std::string& subject, const std::shared_ptr<Model>& model,
                       const nlohmann::json& params, const std::string& what) {
    auto endpoint = Endpoint::Make(subject, model, params, config.limits.input_bytes);
    if (endpoint.ok()) {
      wanted.push_back(*std::move(endpoint));
      return true;
    }
    Fail(report, what, endpoint.status());
    const auto same = std::find_if(
        parts_.routes.list().begin(), parts_.routes.list().end(),
        [&](const auto& one) { return one->subject == subject && one->model == model; });
    if (same != parts_.routes.list().end()) wanted.push_back(**same);
    return false;
  };
  for (const auto& model : parts_.models) {
    add(fmt::format("{}.run.{}", config.nats.prefix, model->config.name), model,
        nlohmann::json::object(), fmt::format("model '{}'", model->config.name));
  }
  for (const RouteConfig& route : report->plan.config.routes) {
    const std::string what = fmt::format("route '{}'", route.subject);
    if (add(route.subject, FindModel(route.model), route.params, what)) {
      routes.push_back(route);
      continue;
    }
    for (const RouteConfig& old : config.routes) {
      if (old.subject == route.subject) routes.push_back(old);
    }
  }
  parts_.config.routes = std::move(routes);
  const boost::asio::any_io_executor aside = aside_.get_executor();
  const Status status = co_await parts_.routes.Switch(std::move(wanted), parts_.intake, aside);
  if (!status.ok()) Fail(report, "routes", status);
  if (parts_.durable == nullptr || parts_.state == "draining") co_return;
  for (const auto& model : parts_.models) parts_.durable->Serve(model);
}

awaitable<void> Reload::Remove(std::shared_ptr<Model> model) {
  co_await parts_.routes.Left(model);
  const std::string name = model->config.name;
  const Status why = Status::NotFound(
      fmt::format("the model '{}' is not in the daemon's configuration any more", name),
      "`darkroom models ls` lists those that are");
  co_await parts_.plugins.Remove(model, why);
  parts_.log.info("{}: removed", name);
}

void Reload::Show(const std::map<std::string, std::string>& references) {
  std::erase_if(references_, [](const auto& one) { return IsTaken(one.first); });
  for (const auto& one : references) {
    if (IsTaken(one.first)) references_.insert(one);
  }
  parts_.shown = ConfigToJson(parts_.config, references_);
}

}  // namespace darkroom
