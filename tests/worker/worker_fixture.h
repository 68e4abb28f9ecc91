// SPDX-License-Identifier: Apache-2.0
//
// WorkerFixture starts workers, real ones and scripts that pass for one, and writes down what is
// heard of them. One thread.

#ifndef DARKROOM_TESTS_WORKER_WORKER_FIXTURE_H_
#define DARKROOM_TESTS_WORKER_WORKER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/registry.h"
#include "tests/worker/log_lines.h"
#include "tests/worker/run_until.h"
#include "worker/worker_host.h"

namespace darkroom {

// What is told of one instance.
struct HeardEvents final : host::Events {
  explicit HeardEvents(std::vector<std::string>* its_order = nullptr) : order(its_order) {}

  void OnCreated(Status status) override { created = std::move(status); }
  void OnLost(Status why, std::vector<uint64_t> tokens) override {
    EXPECT_FALSE(lost) << "told twice that it is lost";
    lost = std::move(why);
    suspects = std::move(tokens);
    if (order != nullptr) order->emplace_back("instance");
  }
  void OnLoaded(Status status, double load_ms) override {
    loaded = std::move(status);
    EXPECT_GE(load_ms, 0);
  }
  void OnFinished(uint64_t token, host::JobResult result) override {
    EXPECT_TRUE(results.emplace(token, std::move(result)).second) << token << " ended twice";
  }
  void OnBatchDone() override { ++batches; }
  void OnPaused() override {}
  void OnReserve(uint64_t bytes) override { reserves.push_back(bytes); }
  void OnUnloaded() override { ++unloaded; }
  void OnProgress(uint64_t token, double fraction, std::string_view stage) override {
    progress.emplace_back(token, fraction, stage);
  }
  void OnPreview(uint64_t token, Buffer jpeg) override {
    previews.emplace_back(token, std::move(jpeg));
  }
  void OnSaved(uint64_t token, SavedState state) override { saved[token] = std::move(state); }
  void OnLog(host::LogLevel, std::string_view) override {}

  std::map<uint64_t, SavedState> saved;  // the newest of each job
  std::vector<std::string>* const order;
  std::optional<Status> created;
  std::optional<Status> loaded;
  std::optional<Status> lost;
  std::vector<uint64_t> suspects;
  std::map<uint64_t, host::JobResult> results;
  int batches = 0;
  int unloaded = 0;
  std::vector<uint64_t> reserves;
  std::vector<std::tuple<uint64_t, double, std::string>> progress;
  std::vector<std::pair<uint64_t, Buffer>> previews;
};

// An instance, and what is told of it.
struct Served {
  std::unique_ptr<HeardEvents> heard;
  std::unique_ptr<host::Instance> instance;
};

class WorkerFixture : public testing::Test {
 protected:
  WorkerFixture() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "darkroom-worker-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    set_up_.name = "w";
    set_up_.program = DARKROOM_WORKER_PROGRAM;
    set_up_.arena_bytes = 64 << 20;
    for (const char* file : {ECHO_PLUGIN, MOCK_PLUGIN, DARKROOM_HOST_LIBRARY}) {
      set_up_.sandbox.readable.push_back(std::filesystem::path(file).parent_path());
    }
  }
  ~WorkerFixture() override {
    host_.reset();
    io_.restart();
    io_.run();  // whatever still runs is reaped
    // What a sanitizer finds in a worker is printed there.
    for (const std::string& line : log_.lines()) {
      EXPECT_EQ(line.find("Sanitizer"), std::string::npos) << line;
    }
    std::filesystem::remove_all(folder_);
  }

  // A program that passes for a worker: what it does with its descriptors 3 and 4.
  std::string Script(const std::string& commands) {
    const std::string path = folder_ / ("script" + std::to_string(++scripts_));
    std::ofstream(path) << "#!/bin/sh\n" << commands << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  static PluginToOpen FileOf(const std::string& path) {
    const Result<PluginFile> file = ReadPluginFile(path);
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return {file->path, file->manifest_json};
  }

  // What comes of opening a plugin.
  struct Opening {
    std::optional<Status> status;
    std::unique_ptr<HostedPlugin> plugin;
    std::optional<Status> lost;
  };
  std::shared_ptr<Opening> BeginToOpen(const PluginToOpen& plugin) {
    if (!host_) host_.emplace(io_, set_up_, log_.logger());
    auto opening = std::make_shared<Opening>();
    host_->Open(
        plugin,
        [opening](Result<std::unique_ptr<HostedPlugin>> opened) {
          EXPECT_FALSE(opening->status) << "told twice that it is open";
          opening->status = opened.status();
          if (opened.ok()) opening->plugin = std::move(*opened);
        },
        // The plugin holds this, and the opening may hold the plugin.
        [this, weak = std::weak_ptr(opening)](const Status& why) {
          order_.emplace_back("plugin");
          const auto told = weak.lock();
          if (told == nullptr) return;
          EXPECT_FALSE(told->lost) << "told twice that it is lost";
          told->lost = why;
          told->plugin.reset();
        });
    return opening;
  }
  std::shared_ptr<Opening> Open(const PluginToOpen& plugin) {
    auto opening = BeginToOpen(plugin);
    RunUntil(io_, [&] { return opening->status.has_value(); });
    return opening;
  }
  // One that can be opened.
  std::shared_ptr<Opening> OpenSound(const std::string& path) {
    auto opening = Open(FileOf(path));
    EXPECT_TRUE(opening->status && opening->status->ok())
        << (opening->status ? opening->status->ToString() : "it did not open");
    return opening;
  }

  Served Create(HostedPlugin& plugin, const std::string& config = "{}", uint32_t max_batch = 16) {
    Served served;
    served.heard = std::make_unique<HeardEvents>(&order_);
    host::InstanceSpec spec;
    spec.model = "m";
    spec.config = config;
    spec.lane.max_batch = max_batch;
    served.instance = plugin.Create(spec, served.heard.get());
    RunUntil(io_, [&] { return served.heard->created.has_value(); });
    return served;
  }
  Served CreateLoaded(HostedPlugin& plugin) {
    Served served = Create(plugin);
    EXPECT_TRUE(served.heard->created && served.heard->created->ok());
    served.instance->Load(host::kNoMemoryLimit);
    RunUntil(io_, [&] { return served.heard->loaded.has_value(); });
    EXPECT_TRUE(served.heard->loaded && served.heard->loaded->ok());
    return served;
  }

  static host::HostJob MakeJob(uint64_t token, std::string_view data,
                               const std::string& params = "{}") {
    host::HostJob job;
    job.token = token;
    job.id = "job-" + std::to_string(token);
    job.params = params;
    job.inputs.push_back({"data", "application/octet-stream", AsBytes(data)});
    return job;
  }
  // Jobs may be moved only.
  template <typename... Jobs>
  static std::vector<host::HostJob> Batch(Jobs&&... jobs) {
    std::vector<host::HostJob> batch;
    (batch.push_back(std::forward<Jobs>(jobs)), ...);
    return batch;
  }

  // The result of a job, when it has one.
  host::JobResult Take(Served& served, uint64_t token) {
    RunUntil(io_, [&] { return served.heard->results.count(token) > 0; });
    auto node = served.heard->results.extract(token);
    if (!node.empty()) return std::move(node.mapped());
    host::JobResult none;
    none.status = Status::Internal("the test waited in vain");
    return none;
  }

  // Whether a process that was a child is no more, not even as a zombie.
  bool IsGone(pid_t pid) {
    return RunUntil(io_, [&] { return kill(pid, 0) != 0 && errno == ESRCH; });
  }

  boost::asio::io_context io_;
  LogLines log_;
  std::filesystem::path folder_;
  int scripts_ = 0;
  WorkerSetUp set_up_;
  std::vector<std::string> order_;  // who was told of a loss
  std::optional<WorkerHost> host_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_WORKER_WORKER_FIXTURE_H_
