// SPDX-License-Identifier: Apache-2.0

#include "reload_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ModelConfig ModelNamed(std::string name) {
  ModelConfig model;
  model.name = std::move(name);
  model.plugin = "echo";
  return model;
}

RouteConfig RouteOf(std::string subject, std::string model) {
  return {std::move(subject), std::move(model), nlohmann::json::object(), "darkroom"};
}

Config Sample() {
  Config config;
  config.host_name = "gpu-7";
  config.models = {ModelNamed("a"), ModelNamed("b")};
  config.routes = {RouteOf("photos.*", "a"), RouteOf("letters", "b")};
  return config;
}

TEST(ReloadPlan, NothingIsDoneForWhatIsTheSame) {
  const ReloadPlan plan = PlanReload(Sample(), Sample());
  EXPECT_TRUE(plan.empty());
  EXPECT_THAT(plan.needs_restart, IsEmpty());
}

TEST(ReloadPlan, ModelsComeAndGo) {
  Config wanted = Sample();
  wanted.models = {ModelNamed("c"), ModelNamed("a")};
  wanted.routes = {RouteOf("photos.*", "a")};
  const ReloadPlan plan = PlanReload(Sample(), wanted);
  EXPECT_THAT(plan.added, ElementsAre("c"));
  EXPECT_THAT(plan.removed, ElementsAre("b"));
  EXPECT_THAT(plan.changed, IsEmpty());
  EXPECT_THAT(plan.routes_removed, ElementsAre("letters"));
  EXPECT_FALSE(plan.empty());
}

// What is changed of a model, and whether it takes another instance.
std::pair<std::string, bool> Changed(void (*change)(ModelConfig*)) {
  Config wanted = Sample();
  change(&wanted.models[1]);
  const ReloadPlan plan = PlanReload(Sample(), wanted);
  if (plan.changed.size() != 1 || plan.changed[0].name != "b" || plan.changed[0].keys.size() != 1) {
    return {"not one change", false};
  }
  return {plan.changed[0].keys[0], plan.changed[0].remade};
}

TEST(ReloadPlan, AModelIsRemadeForWhatItsInstanceIsMadeOf) {
  using Change = std::pair<std::string, bool>;
  const auto remade = [](const char* key) { return Change(key, true); };
  EXPECT_EQ(Changed([](ModelConfig* m) { m->plugin = "mock"; }), remade("plugin"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->weights = "/w"; }), remade("weights"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->options["x"] = 1; }), remade("options"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->memory = 1; }), remade("memory"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->max_batch = 1; }), remade("max_batch"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->instances = 1; }), remade("instances"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->devices = {"cpu"}; }), remade("devices"));
}

TEST(ReloadPlan, AModelStaysForWhatIsAskedOfIt) {
  using Change = std::pair<std::string, bool>;
  const auto stays = [](const char* key) { return Change(key, false); };
  using std::chrono::seconds;
  EXPECT_EQ(Changed([](ModelConfig* m) { m->params["x"] = 1; }), stays("params"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->preload = true; }), stays("preload"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->queue = 1; }), stays("queue"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->queue_bytes = 1; }), stays("queue_bytes"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->max_concurrency = 1; }), stays("max_concurrency"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->max_delay = seconds(1); }), stays("max_delay"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->keep_alive = seconds(1); }), stays("keep_alive"));
  EXPECT_EQ(Changed([](ModelConfig* m) { m->deadline = seconds(1); }), stays("deadline"));
}

// What is hidden when it is shown differs nonetheless.
TEST(ReloadPlan, SecretsAreCompared) {
  Config now = Sample();
  Config wanted = Sample();
  now.models[0].options["api_key"] = "one";
  wanted.models[0].options["api_key"] = "two";
  now.nats.urls = {"nats://a:one@server"};
  wanted.nats.urls = {"nats://a:two@server"};
  const ReloadPlan plan = PlanReload(now, wanted);
  ASSERT_EQ(plan.changed.size(), 1);
  EXPECT_THAT(plan.changed[0].keys, ElementsAre("options"));
  EXPECT_THAT(plan.needs_restart, ElementsAre("nats.url"));
}

TEST(ReloadPlan, RoutesAreComparedByTheirSubjects) {
  Config wanted = Sample();
  wanted.routes[0].params["scale"] = 2;
  wanted.routes[1].queue_group = "others";
  wanted.routes.insert(wanted.routes.begin(), RouteOf("new", "b"));
  const ReloadPlan plan = PlanReload(Sample(), wanted);
  EXPECT_THAT(plan.routes_added, ElementsAre("new"));
  EXPECT_THAT(plan.routes_changed, ElementsAre("photos.*", "letters"));
  EXPECT_THAT(plan.routes_removed, IsEmpty());
  EXPECT_TRUE(plan.touches_routes());
}

TEST(ReloadPlan, SettingsAreSwitchedWhereTheyAre) {
  Config wanted = Sample();
  wanted.log_level = "debug";
  wanted.limits.queued = 3;
  wanted.scheduling.floor = 0.5;
  wanted.drain_timeout = std::chrono::seconds(1);
  const ReloadPlan plan = PlanReload(Sample(), wanted);
  EXPECT_THAT(plan.settings, ElementsAre("drain_timeout", "limits.queued", "log.level",
                                         "scheduling.floor_percent"));
  EXPECT_FALSE(plan.renews_plugins);
  EXPECT_EQ(plan.config.log_level, "debug");
  EXPECT_EQ(plan.config.limits.queued, 3);
  EXPECT_THAT(plan.needs_restart, IsEmpty());
}

TEST(ReloadPlan, WorkersThatWereStartedWithALimitBeginAnew) {
  Config wanted = Sample();
  wanted.limits.pixels = 5;
  ReloadPlan plan = PlanReload(Sample(), wanted);
  EXPECT_THAT(plan.settings, ElementsAre("limits.pixels"));
  EXPECT_TRUE(plan.renews_plugins);
  EXPECT_EQ(plan.config.limits.pixels, 5);
  // What is shared by several, or is the daemon, cannot.
  Config now = Sample();
  now.plugins.each["echo"].isolation = Isolation::kInProcess;
  wanted.plugins = now.plugins;
  wanted.limits.queued = 3;
  plan = PlanReload(now, wanted);
  EXPECT_THAT(plan.settings, ElementsAre("limits.queued"));
  EXPECT_THAT(plan.needs_restart, ElementsAre("limits.pixels"));
  EXPECT_FALSE(plan.renews_plugins);
  EXPECT_EQ(plan.config.limits.pixels, now.limits.pixels);
  EXPECT_EQ(plan.config.limits.queued, 3);
}

TEST(ReloadPlan, WhatNeedsARestartIsNamedAndStays) {
  Config wanted = Sample();
  wanted.host_name = "other";
  wanted.nats.prefix = "other";
  wanted.nats.queue_group = "others";
  wanted.state_dir = "/other";
  wanted.devices = {{"cpu"}};
  wanted.http.listen = "off";
  wanted.jobs.max_attempts = 9;
  wanted.plugins.watch = false;
  wanted.health.give_up = std::chrono::seconds(0);
  wanted.log_format = LogFormat::kJson;
  wanted.limits.queued = 3;
  // Of the group that all have, as the file reader gives it.
  for (RouteConfig& route : wanted.routes) route.queue_group = "others";
  const ReloadPlan plan = PlanReload(Sample(), wanted);
  EXPECT_THAT(
      plan.needs_restart,
      ElementsAre("devices", "health.give_up", "host_name", "http.listen", "jobs.max_attempts",
                  "log.format", "nats.prefix", "nats.queue_group", "plugins.watch", "state_dir"));
  EXPECT_THAT(plan.settings, ElementsAre("limits.queued"));
  EXPECT_FALSE(plan.touches_routes());
  EXPECT_EQ(plan.config.host_name, "gpu-7");
  EXPECT_EQ(plan.config.nats.prefix, "darkroom");
  EXPECT_EQ(plan.config.jobs.max_attempts, Config().jobs.max_attempts);
}

}  // namespace
}  // namespace darkroom
