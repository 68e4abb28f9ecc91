// SPDX-License-Identifier: Apache-2.0

#include "config/load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "config/devices_section.h"
#include "config/fragments.h"
#include "config/health_section.h"
#include "config/nats_section.h"
#include "config/plugins_section.h"
#include "config/references.h"
#include "config/scheduling_section.h"
#include "config/tracing_section.h"
#include "config/yaml_reader.h"
#include "core/subject.h"
#include "core/suggest.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

std::string MachineName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

fs::path DefaultStateDir() {
  const char* systemd = std::getenv("STATE_DIRECTORY");
  if (systemd != nullptr) return systemd;
  // Root's daemon, or a service's whose folder was made for it; else a person's own.
  fs::path system = "/var/lib/darkroom";
  const char* home = std::getenv("HOME");
  std::error_code error;
  if (geteuid() == 0 || home == nullptr || fs::exists(system, error)) return system;
  const char* state = std::getenv("XDG_STATE_HOME");
  return (state != nullptr ? fs::path(state) : fs::path(home) / ".local/state") / "darkroom";
}

// Names of models, and tokens of subjects: ADR-6's alphabet.
bool IsToken(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

// One load in progress: the file, what was made of it, what is wrong with it.
class Loader {
 public:
  explicit Loader(fs::path file) : file_(std::move(file)) {}

  LoadedConfig Load() {
    ConfigFiles read = ReadConfigFiles(file_, &issues_);
    loaded_.files = std::move(read.files);
    // A file that is no YAML takes keys with it that others refer to: only it is told of.
    if (issues_.empty()) {
      const YamlNode root = ReplaceReferences(read.root, &issues_);
      loaded_.references = WrittenReferences(root);
      ReadRoot(root);
    }
    if (issues_.empty()) loaded_.config = std::move(config_);
    loaded_.issues = std::move(issues_);
    return std::move(loaded_);
  }

 private:
  YamlReader Reader(const YamlNode& node, std::string where) {
    return {node, std::move(where), &issues_};
  }

  // Remembers where a model or route stands, and each of its params.
  void Place(const std::string& name, const YamlNode& node, const YamlNode& params) {
    loaded_.places[name] = IssueAt(node.place(), "");
    for (const auto& [key, value] : params.entries()) {
      loaded_.places[name + ".params." + key.Scalar()] = IssueAt(key.place(), "");
    }
  }

  void ReadRoot(const YamlNode& root) {
    YamlReader reader = Reader(root, "");
    config_.host_name = MachineName();
    config_.state_dir = DefaultStateDir();
    reader.String("host_name", &config_.host_name);
    reader.Path("state_dir", &config_.state_dir);
    reader.Path("host_library", &config_.host_library);
    reader.Path("worker_program", &config_.worker_program);
    reader.Path("torch_dir", &config_.torch_dir);
    reader.Duration("drain_timeout", &config_.drain_timeout);
    ReadLog(reader.Child("log"));
    ReadNats(reader.Child("nats"));
    ReadLimits(reader.Child("limits"));
    ReadPlugins(reader.Child("plugins"));
    ReadJobs(reader.Child("jobs"));
    YamlReader scheduling = Reader(reader.Child("scheduling"), "scheduling");
    ReadSchedulingSection(&scheduling, &config_.scheduling);
    YamlReader health = Reader(reader.Child("health"), "health");
    ReadHealthSection(&health, &config_.health);
    ReadHttp(reader.Child("http"));
    YamlReader tracing = Reader(reader.Child("tracing"), "tracing");
    ReadTracingSection(&tracing, &config_.tracing);
    ReadDevices(reader.Child("devices"), &reader);
    ReadModels(reader.Child("models"), &reader);
    ReadRoutes(reader.Child("routes"), &reader);
    reader.Finish();
  }

  void ReadHttp(const YamlNode& node) {
    YamlReader reader = Reader(node, "http");
    config_.http.given = reader.Child("listen").IsDefined();
    reader.String("listen", &config_.http.listen);
    reader.Finish();
  }

  void ReadLog(const YamlNode& node) {
    YamlReader reader = Reader(node, "log");
    std::string format = "auto";
    reader.Choice("level", {"debug", "info", "warning", "error"}, &config_.log_level);
    reader.Choice("format", {"auto", "text", "json"}, &format);
    config_.log_format = format == "json"   ? LogFormat::kJson
                         : format == "text" ? LogFormat::kText
                                            : LogFormat::kAuto;
    reader.Finish();
  }

  void ReadNats(const YamlNode& node) {
    YamlReader reader = Reader(node, "nats");
    ReadNatsSection(&reader, node, &config_.nats, &issues_);
  }

  void ReadLimits(const YamlNode& node) {
    YamlReader reader = Reader(node, "limits");
    reader.Size("input_bytes", &config_.limits.input_bytes);
    reader.Integer("pixels", 1, 1'000'000'000, &config_.limits.pixels);
    uint64_t queued = config_.limits.queued;
    reader.Size("queued_bytes", &config_.limits.queued_bytes);
    reader.Integer("queued", 1, 10'000'000, &queued);
    config_.limits.queued = static_cast<uint32_t>(queued);
    reader.Duration("stop_grace", &config_.limits.stop_grace);
    reader.Duration("silence", &config_.limits.silence);
    reader.Duration("open", &config_.limits.open);
    reader.Duration("load", &config_.limits.load);
    reader.Finish();
  }

  void ReadJobs(const YamlNode& node) {
    YamlReader reader = Reader(node, "jobs");
    JobsConfig& jobs = config_.jobs;
    uint64_t replicas = jobs.replicas;
    uint64_t attempts = jobs.max_attempts;
    // A server of our own has JetStream, and nobody else's streams.
    jobs.enabled = config_.nats.embedded;
    reader.Bool("enabled", &jobs.enabled);
    reader.Bool("manage_streams", &jobs.manage_streams);
    reader.Choice("storage", {"file", "memory"}, &jobs.storage);
    reader.Integer("replicas", 1, 5, &replicas);
    reader.Integer("max_waiting", 0, 1'000'000'000, &jobs.max_waiting);
    reader.Size("max_waiting_bytes", &jobs.max_waiting_bytes);
    reader.Duration("keep", &jobs.keep);
    reader.Duration("keep_states", &jobs.keep_states);
    reader.Duration("keep_dead", &jobs.keep_dead);
    reader.Bool("keep_requests", &jobs.keep_requests);
    reader.Size("inline_bytes", &jobs.inline_bytes);
    reader.Duration("ack_wait", &jobs.ack_wait);
    reader.Integer("max_attempts", 1, 100, &attempts);
    reader.Duration("save_every", &jobs.save_every);
    jobs.replicas = static_cast<uint32_t>(replicas);
    jobs.max_attempts = static_cast<uint32_t>(attempts);
    const std::pair<const char*, std::chrono::milliseconds> kept[] = {
        {"keep", jobs.keep}, {"keep_states", jobs.keep_states}, {"keep_dead", jobs.keep_dead}};
    for (const auto& [key, time] : kept) {
      if (time >= std::chrono::minutes(1)) continue;
      reader.Complain(node, fmt::format("jobs.{} must be at least 1m", key));
    }
    if (jobs.ack_wait < std::chrono::seconds(1)) {
      reader.Complain(node, "jobs.ack_wait must be at least 1s");
    }
    reader.Finish();
  }

  void ReadPlugins(const YamlNode& node) {
    YamlReader reader = Reader(node, "plugins");
    ReadPluginsSection(&reader, &config_.plugins, &issues_);
  }

  void ReadDevices(const YamlNode& node, YamlReader* parent) {
    ReadDevicesSection(node, parent, &config_.devices, &issues_);
  }

  void ReadModels(const YamlNode& node, YamlReader* parent) {
    if (!node.IsDefined() || node.IsNull()) return;
    if (!node.IsMap()) {
      parent->Complain(node, "models must be a map from a model's name to what it is");
      return;
    }
    std::set<std::string> seen;
    for (const auto& [name, value] : node.entries()) {
      ModelConfig model;
      model.name = name.Scalar();
      YamlReader reader = Reader(value, "models." + model.name);
      if (!IsToken(model.name)) {
        reader.Complain(name, fmt::format("'{}' cannot name a model: use letters, digits, "
                                          "'-' and '_', at most 64",
                                          model.name));
      }
      if (!seen.insert(model.name).second) {
        reader.Complain(name, fmt::format("model '{}' is defined twice", model.name));
      }
      Place("models." + model.name, name, reader.Child("params"));
      ReadModel(&reader, &model);
      config_.models.push_back(std::move(model));
    }
  }

  void ReadModel(YamlReader* reader, ModelConfig* model) {
    fs::path weights;
    uint64_t queue = model->queue;
    uint64_t instances = model->instances;
    uint64_t max_batch = 0;
    uint64_t max_concurrency = 0;
    reader->Require("plugin");
    reader->String("plugin", &model->plugin);
    reader->Path("weights", &weights);
    reader->Object("options", &model->options);
    reader->Object("params", &model->params);
    reader->Bool("preload", &model->preload);
    reader->Integer("queue", 1, 1'000'000, &queue);
    reader->Size("queue_bytes", &model->queue_bytes);
    reader->Integer("max_concurrency", 0, 1'000'000, &max_concurrency);
    reader->Duration("max_delay", &model->max_delay);
    ReadKeepAlive(reader, model);
    reader->Size("memory", &model->memory);
    reader->Duration("deadline", &model->deadline);
    reader->Integer("max_batch", 1, 65536, &max_batch);
    reader->Integer("instances", 1, 64, &instances);
    reader->Strings("devices", &model->devices);
    reader->Finish();
    model->weights = weights.string();
    model->queue = static_cast<uint32_t>(queue);
    model->max_concurrency = static_cast<uint32_t>(max_concurrency);
    model->instances = static_cast<uint32_t>(instances);
    if (max_batch > 0) model->max_batch = static_cast<uint32_t>(max_batch);
    // A plugin's id is a token; anything else is a path, relative to this file like every other.
    if (!model->plugin.empty() && !IsToken(model->plugin)) {
      model->plugin = YamlReader::Resolve(reader->Child("plugin"), model->plugin).string();
    }
  }

  static void ReadKeepAlive(YamlReader* reader, ModelConfig* model) {
    const YamlNode keep_alive = reader->Child("keep_alive");
    if (keep_alive.IsScalar() && keep_alive.Scalar() == "always") {
      model->keep_alive = ModelConfig::kAlways;
    } else {
      reader->Duration("keep_alive", &model->keep_alive);
    }
  }

  void ReadRoutes(const YamlNode& node, YamlReader* parent) {
    if (!node.IsDefined() || node.IsNull()) return;
    if (!node.IsList()) {
      parent->Complain(node, "routes must be a list such as [{subject: photos.*, model: echo}]");
      return;
    }
    std::vector<std::string> names;
    for (const ModelConfig& model : config_.models) names.push_back(model.name);
    std::set<std::string> seen;
    for (const YamlNode& item : node.items()) {
      YamlReader reader = Reader(item, "routes[]");
      RouteConfig route;
      route.queue_group = config_.nats.queue_group;
      reader.Require("subject");
      reader.Require("model");
      reader.String("subject", &route.subject);
      reader.String("model", &route.model);
      reader.Object("params", &route.params);
      Place(fmt::format("routes.{}", config_.routes.size()), item, reader.Child("params"));
      reader.String("queue_group", &route.queue_group);
      reader.Finish();
      if (!route.subject.empty() && !IsSubject(route.subject)) {
        reader.Complain(item, fmt::format("'{}' is not a subject: tokens joined by dots, '*' for "
                                          "one token, '>' for the rest",
                                          route.subject));
      }
      if (!seen.insert(route.subject).second) {
        reader.Complain(item, fmt::format("subject '{}' is routed twice", route.subject));
      }
      if (!route.model.empty() &&
          std::find(names.begin(), names.end(), route.model) == names.end()) {
        const std::string nearest = Nearest(route.model, names);
        reader.Complain(
            item,
            fmt::format("route '{}' leads to the unknown model '{}'{}", route.subject, route.model,
                        nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest)));
      }
      config_.routes.push_back(std::move(route));
    }
  }

  fs::path file_;
  LoadedConfig loaded_;
  Config config_;
  std::vector<ConfigIssue> issues_;
};

}  // namespace

LoadedConfig LoadConfig(const fs::path& file) { return Loader(file).Load(); }

}  // namespace darkroom
