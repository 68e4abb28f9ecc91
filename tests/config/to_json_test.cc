// SPDX-License-Identifier: Apache-2.0

#include "config/to_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using testing::HasSubstr;
using testing::Not;

class ToJsonTest : public ConfigFileTest {
 protected:
  std::string Yaml(const LoadedConfig& loaded) {
    for (const ConfigIssue& issue : loaded.issues) ADD_FAILURE() << issue.ToString();
    return loaded.config ? ToYaml(ConfigToJson(*loaded.config, loaded.references)) : "";
  }
};

constexpr const char* kOdd = R"(
host_name: gpu-7
state_dir: /var/lib/x
drain_timeout: 90s
log: {level: debug, format: json}
nats: {url: [nats://a, nats://b], prefix: my.dark, queue_group: g, max_payload: 1500000}
limits: {pixels: 5, queued: 3, load: 1500ms}
jobs: {enabled: true, keep: 90m, max_waiting_bytes: 20GiB, replicas: 3}
plugins:
  folder: /p
  serve: all
  digests: ["0123456789012345678901234567890123456789012345678901234567890123"]
  isolation: process
  worker: "7"
  memory: 8GiB
  files: [/a, /b]
  each: {echo: {isolation: in-process, worker: ""}}
scheduling: {floor_percent: 7, tenant: subject:2, weights: {gold: 3, "007": 2}}
health: {probe_interval: 0}
http: {listen: off}
tracing: {endpoint: "http://c:4318/x", ratio: 0.25, headers_file: /h, queue: 500, timeout: 2500ms}
devices: [{device: cpu, lanes: 2}, {device: "cuda:0", memory: 80%}, {device: "sim:1", memory: 1GiB, speed: 2.5}]
models:
  a:
    plugin: ./mine.so
    weights: w.bin
    options: {n: 7, s: "7", t: "true", f: 1.5, list: [1, "x", {y: null}], text: "a: b # c"}
    params: {scale: 2}
    keep_alive: always
    max_batch: 4
    instances: 2
    devices: [cpu]
    queue_bytes: 1000
  b: {plugin: echo, preload: true}
routes:
  - {subject: "a.*", model: a, params: {scale: 4}, queue_group: other}
)";

TEST_F(ToJsonTest, WhatItWritesIsReadAsTheSame) {
  for (const char* yaml : {"", kOdd, "nats: {embedded: true, port: 4222}"}) {
    const std::string once = Yaml(LoadFile(yaml));
    EXPECT_EQ(Yaml(LoadFile(once)), once);
  }
}

TEST_F(ToJsonTest, IsWrittenAsPeopleWrite) {
  const LoadedConfig loaded = LoadFile(kOdd);
  const auto json = ConfigToJson(*loaded.config, loaded.references);
  EXPECT_EQ(json["drain_timeout"], "90s");
  EXPECT_EQ(json["jobs"]["keep"], "90m");
  EXPECT_EQ(json["limits"]["load"], "1500ms");
  EXPECT_EQ(json["limits"]["input_bytes"], "64MiB");
  EXPECT_EQ(json["nats"]["max_payload"], 1500000);
  EXPECT_EQ(json["devices"][1]["memory"], "80%");
  EXPECT_EQ(json["models"]["a"]["keep_alive"], "always");
  EXPECT_EQ(json["scheduling"]["tenant"], "subject:2");
  EXPECT_TRUE(json["models"]["b"]["max_batch"].is_null());
}

TEST_F(ToJsonTest, SecretsAreHidden) {
  setenv("DARKROOM_TEST_SECRET", "hunter2", 1);
  const LoadedConfig loaded = LoadFile(R"(
nats: {url: ["nats://ada:hunter3@a", "nats://${DARKROOM_TEST_SECRET}@b"]}
models:
  a:
    plugin: echo
    weights: /w/${DARKROOM_TEST_SECRET}
    options: {api_token: hunter4, max_new_tokens: 5, deep: {Password: hunter5}, key: "${DARKROOM_TEST_SECRET}"}
)");
  const std::string yaml = Yaml(loaded);
  EXPECT_THAT(yaml, Not(HasSubstr("hunter")));
  EXPECT_THAT(yaml, HasSubstr("nats://***@a"));
  EXPECT_THAT(yaml, HasSubstr("nats://${DARKROOM_TEST_SECRET}@b"));
  EXPECT_THAT(yaml, HasSubstr("weights: /w/${DARKROOM_TEST_SECRET}"));
  EXPECT_THAT(yaml, HasSubstr("max_new_tokens: 5"));
}

}  // namespace
}  // namespace darkroom
