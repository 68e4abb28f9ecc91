// SPDX-License-Identifier: Apache-2.0
//
// The daemon's configuration as it runs by it: every default filled in, every path absolute, every
// value checked on its own. docs/configuration.md and config/darkroom.yaml list the keys. Whether
// plugins and weights exist is found out later: a model that cannot run must not keep the others
// from running.
//
// Plain values, read-only once loaded.

#ifndef DARKROOM_CONFIG_CONFIG_H_
#define DARKROOM_CONFIG_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/log.h"

namespace darkroom {

// What proves to the NATS server who we are, and to us who it is: files, which are read when they
// are needed and not before.
struct NatsLogin {
  struct File {
    std::string path;   // empty: none is given
    std::string where;  // in the configuration: "darkroom.yaml:4:10"
  };
  File creds;  // a user's JWT and seed
  File nkey;   // a user's seed
  File token;
  std::string user;
  File password;
  bool tls = false;  // the server must speak it
  File ca;           // of those who may vouch for the server; none: those of the system
  File certificate;  // ours
  File key;
};

struct NatsConfig {
  std::vector<std::string> urls = {"nats://127.0.0.1:4222"};
  NatsLogin login;
  std::string prefix = "darkroom";
  std::string queue_group = "darkroom";

  bool embedded = false;
  std::string server = "nats-server";
  uint16_t port = 0;
  uint64_t max_payload = 8ULL << 20;
};

struct LimitsConfig {
  uint64_t input_bytes = 64ULL << 20;
  uint64_t pixels = 64'000'000;
  // Of all models' waiting and running requests.
  uint64_t queued_bytes = 512ULL << 20;
  uint32_t queued = 10'000;
  // A job that has not stopped so long after its deadline has its worker ended.
  std::chrono::milliseconds stop_grace = std::chrono::seconds(5);
  // A worker that does not answer for so long is ended.
  std::chrono::milliseconds silence = std::chrono::seconds(10);
  // So long may a plugin take to be opened in a worker, and to make an instance; and so long to
  // load a model. Then its worker is ended.
  std::chrono::milliseconds open = std::chrono::seconds(60);
  std::chrono::milliseconds load = std::chrono::minutes(10);
};

// Where the instances of a plugin live.
enum class Isolation : uint8_t { kProcess, kInProcess };

struct PluginRules {
  Isolation isolation = Isolation::kProcess;
  std::string worker;              // the name of one that several plugins share; empty: its own
  uint64_t memory = 0;             // bytes of heap that a worker may take; 0: no limit
  std::vector<std::string> files;  // absolute; what it may read besides its weights
};

struct PluginsConfig {
  std::filesystem::path folder;
  bool watch = true;
  // A plugin that no model names serves one of its own name.
  bool serve_all = false;
  std::vector<std::string> digests;  // SHA-256, hex; empty: any file
  uint32_t shadow = 0;               // requests replayed on a new generation before it serves
  PluginRules rules;                 // of those that `each` does not name
  std::map<std::string, PluginRules> each;

  const PluginRules& RulesOf(const std::string& id) const {
    const auto found = each.find(id);
    return found == each.end() ? rules : found->second;
  }
};

// Whose job a message is.
struct TenantRule {
  enum class By : uint8_t { kNone, kHeader, kSubject, kAccount };
  By by = By::kHeader;
  std::string header = "Darkroom-Tenant";
  uint32_t token = 0;  // of the subject, counted from 1
};

// Who goes first: docs/scheduling.md.
struct SchedulingConfig {
  double floor = 0.05;  // of the lanes' time, for each class that waits
  TenantRule tenant;
  std::map<std::string, double> weights;  // of tenants; others have 1
  // How long a job may wait while models that are loaded are preferred to its own.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
};

// Whether devices can be used: docs/health.md.
struct HealthConfig {
  // Between probes of a GPU that is healthy; 0: only one that something was lost on is probed.
  std::chrono::milliseconds probe_interval = std::chrono::seconds(30);
  std::chrono::milliseconds probe_timeout = std::chrono::seconds(20);
  // systemd's watchdog is fed no more when no device could be used for so long; 0: it always is.
  std::chrono::milliseconds give_up = std::chrono::minutes(10);
};

// Pages for whoever watches the daemon: docs/operations.md.
struct HttpConfig {
  static constexpr const char* kDefault = "127.0.0.1:9470";
  static constexpr const char* kOff = "off";
  // Address and port; port 0: one that is free.
  std::string listen = kDefault;
  // Somebody counts on it: without it the daemon does not start.
  bool given = false;
};

// Where traces of jobs are sent: docs/operations.md.
struct TracingConfig {
  std::string endpoint;  // as it is written; empty: nowhere
  std::string host;      // of it
  std::string port = "80";
  std::string path;          // to which spans are posted
  double ratio = 1;          // of the traces that begin here
  std::string headers_file;  // with headers to send along, secrets maybe; empty: none
  uint32_t queue = 4096;     // spans that wait; more are dropped
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
};

struct DeviceConfig {
  std::string device;  // "cpu", "cuda:0", "sim:0"
  uint32_t lanes = 1;
  // What models may have of it: bytes, or a part of what it has. Neither: as the device says.
  uint64_t memory = 0;
  uint32_t memory_percent = 0;
  double speed = 1;  // of a simulated one: so many times as fast as the CPU that it is
};

struct ModelConfig {
  static constexpr std::chrono::milliseconds kAlways = std::chrono::milliseconds::max();

  std::string name;
  std::string plugin;   // an id looked up in the plugin folder, or an absolute path
  std::string weights;  // absolute path, or empty
  nlohmann::json options = nlohmann::json::object();
  nlohmann::json params = nlohmann::json::object();
  bool preload = false;
  uint32_t queue = 256;
  uint64_t queue_bytes = 0;                // 0: limits.queued_bytes alone
  uint32_t max_concurrency = 0;            // jobs that run at once; 0: any number
  std::chrono::milliseconds max_delay{0};  // that a batch may be waited for to become full
  std::chrono::milliseconds deadline = std::chrono::minutes(10);
  std::optional<uint32_t> max_batch;
  uint32_t instances = 0;            // places that it is loaded in at once; 0: any number
  std::vector<std::string> devices;  // ids of those that it may be on; empty: any
  // That it stays loaded without a job; or kAlways.
  std::chrono::milliseconds keep_alive = std::chrono::minutes(10);
  uint64_t memory = 0;  // bytes of its device; 0: as the plugin and the weights say
};

struct RouteConfig {
  std::string subject;
  std::string model;
  nlohmann::json params = nlohmann::json::object();
  std::string queue_group;
};

// Durable jobs: docs/durable-jobs.md.
struct JobsConfig {
  bool enabled = false;
  bool manage_streams = true;  // else they are only checked
  std::string storage = "file";
  uint32_t replicas = 1;
  uint64_t max_waiting = 0;                                 // jobs in the queue; 0: any number
  uint64_t max_waiting_bytes = 0;                           // 0: any number
  std::chrono::milliseconds keep = std::chrono::hours(24);  // results, requests and objects
  std::chrono::milliseconds keep_states = std::chrono::hours(30 * 24);
  std::chrono::milliseconds keep_dead = std::chrono::hours(30 * 24);
  bool keep_requests = true;
  uint64_t inline_bytes = uint64_t{512} * 1024;  // larger bodies are objects
  std::chrono::milliseconds ack_wait =
      std::chrono::seconds(30);  // until a dead host's job comes back
  uint32_t max_attempts = 3;
  // Between two states of a job that runs in steps, which it goes on from when what runs it is
  // lost; 0: it begins anew.
  std::chrono::milliseconds save_every = std::chrono::seconds(10);
};

struct Config {
  std::string host_name;
  std::filesystem::path state_dir;
  std::filesystem::path host_library;
  std::filesystem::path torch_dir;
  std::filesystem::path worker_program;
  std::chrono::milliseconds drain_timeout = std::chrono::seconds(60);
  std::string log_level = "info";
  LogFormat log_format = LogFormat::kAuto;
  NatsConfig nats;
  LimitsConfig limits;
  PluginsConfig plugins;
  SchedulingConfig scheduling;
  HealthConfig health;
  HttpConfig http;
  TracingConfig tracing;
  std::vector<DeviceConfig> devices;  // empty: find out
  std::vector<ModelConfig> models;
  std::vector<RouteConfig> routes;
  JobsConfig jobs;
};

}  // namespace darkroom

#endif  // DARKROOM_CONFIG_CONFIG_H_
