// SPDX-License-Identifier: Apache-2.0
//
// LaneFixture is a lane with a model, whose plugins are a FakeHost's, and an observer that writes
// down what it hears. For tests of Lane and Slot; one thread.

#ifndef DARKROOM_TESTS_WORKER_LANE_FIXTURE_H_
#define DARKROOM_TESTS_WORKER_LANE_FIXTURE_H_

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/fake_host.h"
#include "tests/worker/log_lines.h"
#include "tests/worker/run_until.h"
#include "worker/lane.h"

namespace darkroom {

class LaneFixture : public testing::Test, protected LaneObserver {
 protected:
  explicit LaneFixture(const Device& device = {"cpu", DeviceKind::kCpu, 0, 1})
      : pool_(io_, {device}, std::chrono::seconds(10)) {}

  static std::shared_ptr<Model> MakeModel(const std::string& name, uint32_t max_batch,
                                          bool stepwise = false) {
    ModelConfig config;
    config.name = name;
    config.queue = 100;
    auto model = std::make_shared<Model>(config);
    auto contract = std::make_shared<ModelContract>();
    contract->max_batch = max_batch;
    contract->info.stepwise = stepwise;
    contract->info.inputs = {{"data", ValueKind::kBytes, "", {}, true}};
    model->contract = std::move(contract);
    return model;
  }

  // A generation of a plugin and the slot that it has at the lane.
  struct Generation {
    Generation(LaneFixture* fixture, const std::string& name, bool open = true)
        : hosting(fixture->io_, host, {"/plugins/" + name + ".so", "{}"}, name,
                  fixture->log_.logger(), [] {}) {
      if (open) hosting.Open();
    }
    FakeInstance& instance() { return host.plugin().instance(); }
    host::Events& events() { return *instance().events; }

    FakeHost host;
    Hosting hosting;
    Slot* slot = nullptr;
  };

  // Not open yet, and serving nobody.
  std::unique_ptr<Generation> Add(const std::shared_ptr<Model>& model, const std::string& name,
                                  bool open = true) {
    auto generation = std::make_unique<Generation>(this, name, open);
    generation->slot = lane_->AddSlot(model, model->contract, generation->hosting);
    return generation;
  }
  // Open, made, and serving.
  std::unique_ptr<Generation> AddUnloaded(const std::shared_ptr<Model>& model,
                                          const std::string& name) {
    auto generation = Add(model, name);
    generation->host.Succeed();
    generation->events().OnCreated(Status::Ok());
    lane_->Serve(generation->slot);
    Settle(io_);
    return generation;
  }
  // Serving, and opened when it is to be loaded.
  std::unique_ptr<Generation> AddAsleep(const std::shared_ptr<Model>& model,
                                        const std::string& name) {
    auto generation = Add(model, name, false);
    lane_->Serve(generation->slot);
    Settle(io_);
    return generation;
  }
  // And loaded.
  std::unique_ptr<Generation> AddServing(const std::shared_ptr<Model>& model,
                                         const std::string& name) {
    auto generation = AddUnloaded(model, name);
    EXPECT_TRUE(lane_->Load(generation->slot).ok());
    generation->events().OnLoaded(Status::Ok(), 5);
    generation->instance().told.clear();
    Settle(io_);
    return generation;
  }

  // The next job of a model, as admission makes it.
  Job* Enqueue(const std::shared_ptr<Model>& model,
               Job::Clock::duration allowed = std::chrono::hours(1),
               JobClass job_class = JobClass::kInteractive) {
    auto job = std::make_unique<Job>();
    job->job_class = job_class;
    job->token = ++last_token_;
    job->id = "job-" + std::to_string(job->token);
    job->model = model;
    job->contract = model->contract;
    job->params = std::make_shared<const std::string>("{}");
    job->tenant = tenants_.For("");
    job->accepted = Job::Clock::now();
    job->deadline = job->accepted + allowed;
    Job* const added = job.get();
    EXPECT_TRUE(jobs_.Add(std::move(job)));
    model->queue.Push(added);
    scheduler_.Enqueued(model.get());
    if (model->lanes < model->places) pool_.Touch();
    return added;
  }
  void EnqueueSome(const std::shared_ptr<Model>& model, int count) {
    for (int i = 0; i < count; ++i) Enqueue(model);
  }

  // A batch of these comes back.
  void FinishBatch(Generation& generation, const std::vector<uint64_t>& tokens,
                   const Status& status = {}) {
    for (const uint64_t token : tokens) generation.instance().Finish(token, status);
    generation.events().OnBatchDone();
    Settle(io_);
  }

  void OnJobDone(uint64_t token, host::JobResult result, const Device* device) override {
    EXPECT_EQ(device, &device_);
    heard_.push_back("done " + std::to_string(token) + " " + result.status.ToString());
    jobs_.End(token, TerminalState(result.status.code()));
  }
  void OnJobProgress(uint64_t token, double fraction, std::string_view stage) override {
    heard_.push_back("progress " + std::to_string(token) + " " +
                     std::to_string(std::lround(fraction * 100)) + "% " + std::string(stage));
  }
  void OnJobPreview(uint64_t token, Buffer jpeg) override {
    heard_.push_back("preview " + std::to_string(token) + " " + std::string(AsText(jpeg.bytes())));
  }
  void OnJobSaved(uint64_t token, SavedState state) override {
    heard_.push_back("saved " + std::to_string(token) + " at " + std::to_string(state.step) +
                     " by " + state.plugin);
    EXPECT_TRUE(jobs_.KeepState(jobs_.Find(token), std::move(state), 1000));
  }
  // Gives jobs back as the daemon does, without an end.
  void OnJobLost(uint64_t token, bool to_blame, const Status& why, const Device* device) override {
    EXPECT_EQ(device, &device_);
    heard_.push_back("lost " + std::to_string(token) + (to_blame ? " to blame: " : ": ") +
                     why.message());
    Job* const job = jobs_.Find(token);
    ASSERT_NE(job, nullptr);
    jobs_.GiveBack(job, to_blame);
    job->model->queue.PutBack(job);
    scheduler_.Enqueued(job->model.get());
  }
  void OnModelChanged(Model& model) override { changed_.push_back(model.config.name); }
  void OnLoadFailed(Model& model, const Status& why) override {
    heard_.push_back("cannot load " + model.config.name + ": " + why.message());
  }
  void OnBatchDone() override { ++batches_done_; }

  // What was heard since the last call.
  std::vector<std::string> TakeHeard() { return std::exchange(heard_, {}); }

  boost::asio::io_context io_;
  LogLines log_;
  DevicePool pool_;
  const Device& device_ = pool_.devices()[0];
  Scheduler scheduler_;
  JobTable jobs_;
  TenantTable tenants_;
  std::vector<std::string> heard_;
  std::vector<std::string> changed_;  // models
  int batches_done_ = 0;
  uint64_t last_token_ = 0;
  std::optional<Lane> lane_{std::in_place,
                            Lane::Parts{io_, scheduler_, pool_, jobs_, *this, log_.logger()},
                            device_, uint32_t{3}};
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_WORKER_LANE_FIXTURE_H_
