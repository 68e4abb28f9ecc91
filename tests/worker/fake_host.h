// SPDX-License-Identifier: Apache-2.0
//
// FakeHost is a PluginHost whose answers a test gives: that a plugin is open or could not be, that
// it is lost, what its instances report. It writes down what it is asked, and complains when things
// are destroyed in an order that hosted_plugin.h does not allow. One thread.

#ifndef DARKROOM_TESTS_WORKER_FAKE_HOST_H_
#define DARKROOM_TESTS_WORKER_FAKE_HOST_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/hosted_plugin.h"

namespace darkroom {

class FakePlugin;

// What a test drives: it stays when the instance is gone.
struct FakeInstance {
  host::InstanceSpec spec;
  host::Events* events = nullptr;
  std::vector<std::string> told;                // "load", "run 1 2", "cancel 1", "unload"
  std::vector<std::vector<host::HostJob>> ran;  // batches
  uint64_t memory = 0;                          // that it was last loaded with
  bool destroyed = false;

  // Answers of the host's, as it would give them.
  void Finish(uint64_t token, Status status = {}) const {
    host::JobResult result;
    result.status = std::move(status);
    events->OnFinished(token, std::move(result));
  }
};

class FakePlugin {
 public:
  std::vector<std::shared_ptr<FakeInstance>> instances;
  std::vector<std::string> killed;  // with what words
  bool killable = true;             // false: it runs in the daemon
  std::function<void(CloseOutcome)> on_closed;
  bool destroyed = false;

  FakeInstance& instance(size_t at = 0) { return *instances.at(at); }
};

class FakeHost final : public PluginHost {
 public:
  struct Opening {
    PluginToOpen plugin;
    Opened opened;
    Lost lost;
    std::shared_ptr<FakePlugin> made;
  };

  void Open(const PluginToOpen& plugin, Opened opened, Lost lost) override {
    openings.push_back({plugin, std::move(opened), std::move(lost), nullptr});
  }

  // The newest opening goes well.
  FakePlugin& Succeed() {
    Opening& opening = openings.back();
    opening.made = std::make_shared<FakePlugin>();
    std::exchange(opening.opened,
                  nullptr)(std::unique_ptr<HostedPlugin>(std::make_unique<Hosted>(opening.made)));
    return *openings.back().made;
  }
  void Fail(const Status& why) { std::exchange(openings.back().opened, nullptr)(why); }

  // The process goes, as a worker does: instances are told before the plugin.
  void Lose(const Status& why, const std::vector<uint64_t>& started = {}) {
    const std::shared_ptr<FakePlugin> plugin = openings.back().made;
    for (const auto& instance : plugin->instances) {
      if (!instance->destroyed) instance->events->OnLost(why, started);
    }
    if (plugin->on_closed) {
      std::exchange(plugin->on_closed, nullptr)({});  // with its process
    } else if (!plugin->destroyed) {
      const Lost lost = openings.back().lost;
      lost(why);
    }
  }

  FakePlugin& plugin() { return *openings.back().made; }

  std::vector<Opening> openings;

 private:
  class Instance final : public host::Instance {
   public:
    Instance(std::shared_ptr<FakeInstance> fake, std::shared_ptr<FakePlugin> plugin)
        : fake_(std::move(fake)), plugin_(std::move(plugin)) {}
    ~Instance() override {
      EXPECT_FALSE(plugin_->destroyed) << "the plugin went before its instance";
      fake_->destroyed = true;
    }

    void Load(uint64_t memory) override {
      fake_->told.emplace_back("load");
      fake_->memory = memory;
    }
    void Run(std::vector<host::HostJob> batch) override {
      std::string words = "run";
      for (const host::HostJob& job : batch) words += " " + std::to_string(job.token);
      fake_->told.push_back(std::move(words));
      fake_->ran.push_back(std::move(batch));
    }
    void Cancel(uint64_t token) override {
      fake_->told.push_back("cancel " + std::to_string(token));
    }
    void Pause() override { fake_->told.emplace_back("pause"); }
    void Resume() override { fake_->told.emplace_back("resume"); }
    void Unload() override { fake_->told.emplace_back("unload"); }
    void AnswerReserve(const Status& status) override {
      fake_->told.emplace_back(status.ok() ? "reserved" : "not reserved");
    }

   private:
    const std::shared_ptr<FakeInstance> fake_;
    const std::shared_ptr<FakePlugin> plugin_;
  };

  class Hosted final : public HostedPlugin {
   public:
    explicit Hosted(std::shared_ptr<FakePlugin> fake) : fake_(std::move(fake)) {}
    ~Hosted() override { fake_->destroyed = true; }

    std::unique_ptr<host::Instance> Create(const host::InstanceSpec& spec,
                                           host::Events* events) override {
      auto instance = std::make_shared<FakeInstance>();
      instance->spec = spec;
      instance->events = events;
      fake_->instances.push_back(instance);
      return std::make_unique<Instance>(instance, fake_);
    }
    bool Kill(const Status& why) override {
      if (fake_->killable) fake_->killed.push_back(why.message());
      return fake_->killable;
    }
    void Close(std::function<void(CloseOutcome)> done) override {
      fake_->on_closed = std::move(done);
    }
    pid_t pid() const override { return 4711; }

   private:
    const std::shared_ptr<FakePlugin> fake_;
  };
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_WORKER_FAKE_HOST_H_
