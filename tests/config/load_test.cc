// SPDX-License-Identifier: Apache-2.0

#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

class LoadConfigTest : public ConfigFileTest {
 protected:
  LoadedConfig Load(const std::string& yaml) { return LoadFile(yaml); }
  std::vector<std::string> Issues(const std::string& yaml) { return IssuesOf(yaml); }
};

TEST_F(LoadConfigTest, AnEmptyFileIsAllDefaults) {
  const LoadedConfig loaded = Load("");
  ASSERT_TRUE(loaded.config);
  EXPECT_THAT(loaded.config->nats.urls, ElementsAre("nats://127.0.0.1:4222"));
  EXPECT_EQ(loaded.config->limits.pixels, 64'000'000U);
  EXPECT_FALSE(loaded.config->host_name.empty());
  EXPECT_THAT(loaded.config->models, IsEmpty());
}

TEST_F(LoadConfigTest, DurableJobsGoWithAServerOfItsOwn) {
  EXPECT_FALSE(Load("").config->jobs.enabled);
  EXPECT_FALSE(Load("nats: {url: nats://a:4222}").config->jobs.enabled);
  EXPECT_TRUE(Load("nats: {url: nats://a:4222}\njobs: {enabled: true}").config->jobs.enabled);
  EXPECT_TRUE(Load("nats: {embedded: true}").config->jobs.enabled);
  EXPECT_FALSE(Load("nats: {embedded: true}\njobs: {enabled: false}").config->jobs.enabled);
}

TEST_F(LoadConfigTest, TheShippedFileIsSound) {
  const LoadedConfig loaded = LoadConfig(DARKROOM_SOURCE_DIR "/config/darkroom.yaml");
  for (const ConfigIssue& issue : loaded.issues) ADD_FAILURE() << issue.ToString();
  ASSERT_TRUE(loaded.config);
  EXPECT_FALSE(loaded.config->models.empty());
}

TEST_F(LoadConfigTest, ReadsEveryKey) {
  const LoadedConfig loaded = Load(R"(
host_name: gpu-7
state_dir: state
host_library: lib/host.so
torch_dir: /opt/torch
drain_timeout: 5s
log: {level: debug, format: json}
nats:
  url: [nats://a:4222, nats://b:4222]
  prefix: studio.dark
  queue_group: hosts
limits: {input_bytes: 1MiB, pixels: 1000, queued_bytes: 2GiB, stop_grace: 1s, silence: 2s, open: 3s, load: 4s}
jobs: {enabled: true, manage_streams: false, storage: memory, replicas: 3, keep: 2h, ack_wait: 5s, max_attempts: 7, save_every: 250ms}
plugins: {folder: plugins}
devices:
  - {device: cpu, lanes: 2}
  - {device: "cuda:1"}
models:
  photo-enhance:
    plugin: enhance
    weights: models/x4.safetensors
    options: {tile: 128, name: "7", half: true, nested: [1, 2.5, null]}
    params: {scale: 2}
    preload: true
    queue: 8
    deadline: 30s
    max_batch: 4
    instances: 2
    devices: [cpu, "cuda:1"]
  mine: {plugin: ./mine.so}
routes:
  - {subject: "photos.*.in", model: photo-enhance, params: {scale: 4}}
  - {subject: "logs.>", model: mine, queue_group: other}
)");
  for (const ConfigIssue& issue : loaded.issues) ADD_FAILURE() << issue.ToString();
  ASSERT_TRUE(loaded.config);
  const Config& config = *loaded.config;
  EXPECT_EQ(config.host_name, "gpu-7");
  EXPECT_EQ(config.state_dir, folder_ / "state");
  EXPECT_EQ(config.host_library, folder_ / "lib/host.so");
  EXPECT_EQ(config.torch_dir, "/opt/torch");
  EXPECT_EQ(config.drain_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(config.log_format, LogFormat::kJson);
  EXPECT_THAT(config.nats.urls, ElementsAre("nats://a:4222", "nats://b:4222"));
  EXPECT_EQ(config.nats.prefix, "studio.dark");
  EXPECT_EQ(config.limits.input_bytes, 1U << 20);
  EXPECT_EQ(config.limits.pixels, 1000U);
  EXPECT_EQ(config.limits.queued_bytes, 2ULL << 30);
  EXPECT_EQ(config.limits.stop_grace, std::chrono::seconds(1));
  EXPECT_EQ(config.limits.silence, std::chrono::seconds(2));
  EXPECT_EQ(config.limits.open, std::chrono::seconds(3));
  EXPECT_EQ(config.limits.load, std::chrono::seconds(4));
  EXPECT_TRUE(config.jobs.enabled);
  EXPECT_FALSE(config.jobs.manage_streams);
  EXPECT_EQ(config.jobs.storage, "memory");
  EXPECT_EQ(config.jobs.replicas, 3U);
  EXPECT_EQ(config.jobs.keep, std::chrono::hours(2));
  EXPECT_EQ(config.jobs.ack_wait, std::chrono::seconds(5));
  EXPECT_EQ(config.jobs.max_attempts, 7U);
  EXPECT_EQ(config.jobs.save_every, std::chrono::milliseconds(250));
  EXPECT_EQ(config.plugins.folder, folder_ / "plugins");
  ASSERT_EQ(config.devices.size(), 2U);
  EXPECT_EQ(config.devices[0].lanes, 2U);
  EXPECT_EQ(config.devices[1].device, "cuda:1");
  ASSERT_EQ(config.models.size(), 2U);
  const ModelConfig& model = config.models[0];
  EXPECT_EQ(model.name, "photo-enhance");
  EXPECT_EQ(model.weights, (folder_ / "models/x4.safetensors").string());
  EXPECT_EQ(model.options,
            nlohmann::json::parse(R"({"tile":128,"name":"7","half":true,"nested":[1,2.5,null]})"));
  EXPECT_EQ(model.params, nlohmann::json::parse(R"({"scale":2})"));
  EXPECT_TRUE(model.preload);
  EXPECT_EQ(model.queue, 8U);
  EXPECT_EQ(model.deadline, std::chrono::seconds(30));
  EXPECT_EQ(model.max_batch, 4U);
  EXPECT_EQ(model.instances, 2U);
  EXPECT_THAT(model.devices, ElementsAre("cpu", "cuda:1"));
  EXPECT_EQ(config.models[1].instances, 0U);
  EXPECT_EQ(config.models[1].plugin, (folder_ / "mine.so").string());
  ASSERT_EQ(config.routes.size(), 2U);
  EXPECT_EQ(config.routes[0].queue_group, "hosts");
  EXPECT_EQ(config.routes[1].queue_group, "other");
}

TEST_F(LoadConfigTest, TellsAllIssuesAtOnceEachWithItsPlace) {
  EXPECT_THAT(
      Issues("nats:\n"
             "  prefx: studio\n"
             "limits:\n"
             "  pixels: many\n"
             "models:\n"
             "  a: {plugin: echo, deadline: 30}\n"
             "  b: {queue: 0}\n"),
      ElementsAre(
          "darkroom.yaml:2:3: unknown key 'nats.prefx' (did you mean 'prefix'?)",
          "darkroom.yaml:4:11: limits.pixels: must be a whole number from 1 to 1000000000, "
          "not 'many'",
          "darkroom.yaml:6:31: models.a.deadline: duration '30' lacks a unit (write it like "
          "250ms, 30s, 10m or 1h)",
          "darkroom.yaml:7:6: models.b.plugin is required",
          "darkroom.yaml:7:14: models.b.queue: must be a whole number from 1 to 1000000, not "
          "'0'"));
}

TEST_F(LoadConfigTest, RefusesJobsThatCouldNotBeKept) {
  EXPECT_THAT(Issues("jobs: {storage: tape, replicas: 6, max_attempts: 0}\n"),
              ElementsAre("darkroom.yaml:1:17: jobs.storage: must be one of file, memory, not "
                          "'tape'",
                          "darkroom.yaml:1:33: jobs.replicas: must be a whole number from 1 to 5, "
                          "not '6'",
                          "darkroom.yaml:1:50: jobs.max_attempts: must be a whole number from 1 "
                          "to 100, not '0'"));
  EXPECT_THAT(Issues("jobs: {keep: 1s, ack_wait: 10ms}\n"),
              ElementsAre("darkroom.yaml:1:7: jobs.keep must be at least 1m",
                          "darkroom.yaml:1:7: jobs.ack_wait must be at least 1s"));
}

TEST_F(LoadConfigTest, RefusesWhatDoesNotFitTogether) {
  const auto issues = Issues(R"(
nats: {embedded: true, url: "nats://a:4222"}
devices: [{device: cpu}, {device: cpu}, {device: tpu}]
models:
  "a b": {plugin: echo}
  echo: {plugin: echo}
routes:
  - {subject: "x..y", model: echo}
  - {subject: "in.>.x", model: echo}
  - {subject: ok, model: ecko}
  - {subject: ok, model: echo}
)");
  EXPECT_THAT(issues,
              ElementsAre(HasSubstr("exclude each other"), HasSubstr("listed twice"),
                          HasSubstr("unknown device 'tpu'"), HasSubstr("cannot name a model"),
                          HasSubstr("'x..y' is not a subject"), HasSubstr("'in.>.x' is not"),
                          EndsWith("unknown model 'ecko' (did you mean 'echo'?)"),
                          HasSubstr("'ok' is routed twice")));
}

TEST_F(LoadConfigTest, RefusesWrongShapes) {
  EXPECT_THAT(Issues("models: [a]\n"), ElementsAre(HasSubstr("models must be a map")));
  EXPECT_THAT(Issues("routes: {a: b}\n"), ElementsAre(HasSubstr("routes must be a list")));
  EXPECT_THAT(Issues("nats: here\n"), ElementsAre(HasSubstr("nats must be a map")));
  EXPECT_THAT(Issues("- a\n"), ElementsAre(HasSubstr("must be a map")));
  EXPECT_THAT(Issues("log: {level: loud}\n"), ElementsAre(HasSubstr("one of debug, info")));
}

TEST_F(LoadConfigTest, SaysWhereTheYamlItselfIsBroken) {
  const auto issues = Issues("nats:\n  url: [a\nmodels: {}\n");
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_THAT(issues[0], HasSubstr("darkroom.yaml:3:"));
}

TEST_F(LoadConfigTest, SaysThatTheFileIsMissing) {
  const LoadedConfig loaded = LoadConfig(folder_ / "none.yaml");
  ASSERT_EQ(loaded.issues.size(), 1U);
  EXPECT_THAT(loaded.issues[0].ToString(), HasSubstr("none.yaml: cannot be read"));
}

TEST_F(LoadConfigTest, HttpIsOnLoopbackUnlessSomebodySaysMore) {
  const Config usual = ReadFile("");
  EXPECT_EQ(usual.http.listen, "127.0.0.1:9470");
  EXPECT_FALSE(usual.http.given);
  EXPECT_TRUE(ReadFile("http: {listen: '127.0.0.1:9470'}").http.given);
  EXPECT_EQ(IssuesOf("http: {port: 9470}").size(), 1U);
}

}  // namespace
}  // namespace darkroom
