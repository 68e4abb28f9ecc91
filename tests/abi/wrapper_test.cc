// SPDX-License-Identifier: Apache-2.0
//
// plugin.hpp, seen from the host's side: what a model does and throws comes out as the ABI has it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "abi/fake_host.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Finished = FakeHost::Finished;

[[noreturn]] void Fail(std::string_view how) {
  if (how == "error") throw Error(DR_NOT_FOUND, "there is no such thing");
  if (how == "device") throw Error(DR_DEVICE_LOST, "the device is gone");
  if (how == "memory") throw std::bad_alloc();
  if (how == "int") throw 7;
  throw std::runtime_error(std::string(how));
}

// Does what config and params say; they are plain words here, not JSON.
class Model {
 public:
  Model(Host host, std::string_view config)
      : host_(host), config_(config), runs_(host.Counter("runs", "jobs that ran")) {
    if (config_ == "create fails") Fail("error");
  }
  void Load(const dr_lane_t& lane) {
    if (config_ == "load fails") Fail("memory");
    lease_.emplace(host_, lane.memory_budget);
  }
  void Infer(Job& job) {
    runs_.Add(1);
    job.Progress(0.5, "half");
    job.StopIfCancelled();
    if (job.params() == "echo") {
      const auto in = job.InputBytes("data");
      const auto out = job.OutputBytes("data", in.size());
      std::copy(in.begin(), in.end(), out.begin());
    } else if (job.params() == "too much") {
      job.OutputBytes("data", 1 << 20);
    } else if (job.params() == "early") {
      job.Finish(DR_OK);
    } else if (job.params() != "{}") {
      Fail(job.params());
    }
  }
  void Unload() {
    lease_.reset();
    if (config_ == "unload throws") Fail("gone wrong");
  }

 private:
  Host host_;
  std::string config_;
  Metric runs_;
  std::optional<Lease> lease_;
};

// Takes its jobs together, finishes the first and leaves the rest open.
class BatchModel {
 public:
  BatchModel(Host, std::string_view) {}
  void Load(const dr_lane_t&) {}
  void Infer(Batch& batch) {
    batch.front().Finish(DR_OK);
    throw Error(DR_INSTANCE_LOST, "lost");
  }
  void Cancel(const dr_job_t* job) { cancelled_ = job->id; }
  void Unload() {
    if (cancelled_ != "b") throw Error(DR_INTERNAL, "was not told of the cancelled job");
  }

 private:
  std::string cancelled_;
};

// Counts to three, and can go on from where another instance was.
class CountingModel {
 public:
  struct Run {
    uint32_t made = 0;
  };
  CountingModel(Host, std::string_view) {}
  void Load(const dr_lane_t&) {}
  std::unique_ptr<Run> Begin(Job&) { return std::make_unique<Run>(); }
  void Step(std::span<Run* const> runs, std::span<uint32_t> left) {
    for (size_t i = 0; i < runs.size(); ++i) left[i] = 3 - ++runs[i]->made;
  }
  void Finish(Run&) {}
  std::string Save(const Run& run) { return std::to_string(run.made); }
  std::unique_ptr<Run> Restore(Job& job, std::string_view state) {
    if (state != "1" && state != "2") {
      throw Error(DR_FAILED_PRECONDITION, "no state of job " + std::string(job.id()));
    }
    return std::make_unique<Run>(Run{static_cast<uint32_t>(state[0] - '0')});
  }
  void Unload() {}
};

template <typename M>
class Driver {
 public:
  dr_status Create(const char* config) { return table_.create(host.abi(), config, &instance_); }
  dr_status Load(uint64_t budget = 10) {
    dr_lane_t lane{};
    lane.size = sizeof(lane);
    lane.device = {DR_DEVICE_CPU, 0};
    lane.memory_budget = budget;
    return table_.load(instance_, &lane);
  }
  dr_status Infer(const std::vector<const dr_job_t*>& jobs) {
    const dr_batch_t batch = {sizeof(batch), static_cast<uint32_t>(jobs.size()), jobs.data()};
    return table_.infer(instance_, &batch);
  }
  dr_status InferOne(const std::string& params) {
    const FakeJob job("a", params);
    return Infer({job.abi()});
  }
  void Cancel(const dr_job_t* job) { table_.cancel(instance_, job); }
  dr_instance_t* instance() { return instance_; }
  void Unload() { table_.unload(instance_); }
  ~Driver() {
    if (instance_ != nullptr) table_.destroy(instance_);
    table_.shutdown();
  }

  FakeHost host;

 private:
  const dr_plugin_t& table_ = plugin_internal::Table<M>::kTable;
  dr_instance_t* instance_ = nullptr;
};

TEST(WrapperTest, FillsTheTable) {
  const dr_plugin_t& table = plugin_internal::Table<Model>::kTable;
  EXPECT_EQ(table.size, sizeof(dr_plugin_t));
  EXPECT_EQ(table.abi_major, uint32_t{DR_ABI_MAJOR});
  EXPECT_EQ(table.cancel, nullptr) << "the model has no Cancel";
  EXPECT_NE(plugin_internal::Table<BatchModel>::kTable.cancel, nullptr);
}

TEST(WrapperTest, RefusesAHostOfAnotherMajor) {
  FakeHost host;
  const dr_plugin_t& table = plugin_internal::Table<Model>::kTable;
  EXPECT_EQ(plugin_internal::Enter(host.abi(), &table), &table);
  host.set_abi_major(DR_ABI_MAJOR + 1);
  EXPECT_EQ(plugin_internal::Enter(host.abi(), &table), nullptr);
  EXPECT_THAT(host.words, testing::HasSubstr("another major version"));
}

TEST(WrapperTest, RunsAJob) {
  Driver<Model> driver;
  ASSERT_EQ(driver.Create(""), DR_OK);
  ASSERT_EQ(driver.Load(), DR_OK);
  EXPECT_EQ(driver.host.leases, 1);
  FakeJob job("a", "echo");
  job.Give("data", "..hello", 2);
  EXPECT_EQ(driver.Infer({job.abi()}), DR_OK);
  EXPECT_THAT(driver.host.finished, ElementsAre(Finished{"a", DR_OK, ""}));
  const std::vector<std::byte>& out = driver.host.outputs["data"];
  ASSERT_EQ(out.size(), 8U + 5U);
  EXPECT_EQ(std::memcmp(out.data() + 8, "hello", 5), 0);
  EXPECT_THAT(driver.host.progress, ElementsAre(Pair(0.5, "half")));
  EXPECT_THAT(driver.host.metrics, ElementsAre(Pair("runs", 1.0)));
  driver.Unload();
  EXPECT_EQ(driver.host.leases, 0);
}

TEST(WrapperTest, SaysWhyCreateFailed) {
  Driver<Model> driver;
  EXPECT_EQ(driver.Create("create fails"), DR_NOT_FOUND);
  EXPECT_EQ(driver.host.words, "there is no such thing");
}

TEST(WrapperTest, SaysWhyLoadFailed) {
  Driver<Model> driver;
  ASSERT_EQ(driver.Create("load fails"), DR_OK);
  EXPECT_EQ(driver.Load(), DR_RESOURCE_EXHAUSTED);
  EXPECT_EQ(driver.host.words, "out of memory");
  driver.Unload();
}

TEST(WrapperTest, KeepsTheHostsOwnWords) {
  Driver<Model> driver;
  ASSERT_EQ(driver.Create(""), DR_OK);
  EXPECT_EQ(driver.Load(5000), DR_RESOURCE_EXHAUSTED);
  EXPECT_EQ(driver.host.words, "the host has no room");
  driver.Unload();
  EXPECT_EQ(driver.host.leases, 0);
  driver.host.words.clear();
  ASSERT_EQ(driver.Load(), DR_OK);
  EXPECT_EQ(driver.InferOne("too much"), DR_OK);
  EXPECT_THAT(driver.host.finished,
              ElementsAre(Finished{"a", DR_RESOURCE_EXHAUSTED, "the host has no room"}));
}

TEST(WrapperTest, EndsEachJobWithWhatItThrew) {
  Driver<Model> driver;
  ASSERT_EQ(driver.Create(""), DR_OK);
  ASSERT_EQ(driver.Load(), DR_OK);
  const FakeJob a("a", "error");
  const FakeJob b("b", "memory");
  const FakeJob c("c", "surprise");
  const FakeJob d("d", "int");
  const FakeJob e("e", "echo");  // without its input
  const FakeJob f("f", "early");
  EXPECT_EQ(driver.Infer({a.abi(), b.abi(), c.abi(), d.abi(), e.abi(), f.abi()}), DR_OK);
  EXPECT_THAT(
      driver.host.finished,
      ElementsAre(Finished{"a", DR_NOT_FOUND, "there is no such thing"},
                  Finished{"b", DR_RESOURCE_EXHAUSTED, "out of memory"},
                  Finished{"c", DR_INTERNAL, "surprise"},
                  Finished{"d", DR_INTERNAL, "the plugin threw something that is no exception"},
                  Finished{"e", DR_INVALID_ARGUMENT, "input 'data' is missing"},
                  Finished{"f", DR_OK, ""}));
}

TEST(WrapperTest, StopsACancelledJob) {
  Driver<Model> driver;
  ASSERT_EQ(driver.Create(""), DR_OK);
  ASSERT_EQ(driver.Load(), DR_OK);
  driver.host.cancelled = true;
  EXPECT_EQ(driver.InferOne("{}"), DR_OK);
  ASSERT_EQ(driver.host.finished.size(), 1U);
  EXPECT_EQ(driver.host.finished[0].status, DR_CANCELLED);
}

TEST(WrapperTest, GivesUpTheBatchWithTheDevice) {
  Driver<Model> driver;
  ASSERT_EQ(driver.Create(""), DR_OK);
  ASSERT_EQ(driver.Load(), DR_OK);
  const FakeJob a("a");
  const FakeJob b("b", "device");
  const FakeJob c("c");
  EXPECT_EQ(driver.Infer({a.abi(), b.abi(), c.abi()}), DR_DEVICE_LOST);
  EXPECT_EQ(driver.host.words, "the device is gone");
  EXPECT_THAT(driver.host.finished, ElementsAre(Finished{"a", DR_OK, ""}));
}

TEST(WrapperTest, LeavesOpenJobsOfABatchToTheHost) {
  Driver<BatchModel> driver;
  ASSERT_EQ(driver.Create(""), DR_OK);
  ASSERT_EQ(driver.Load(), DR_OK);
  const FakeJob a("a");
  const FakeJob b("b");
  EXPECT_EQ(driver.Infer({a.abi(), b.abi()}), DR_INSTANCE_LOST);
  EXPECT_THAT(driver.host.finished, ElementsAre(Finished{"a", DR_OK, ""}));
  EXPECT_EQ(driver.host.words, "lost");
  driver.Cancel(b.abi());
  driver.Unload();
  EXPECT_THAT(driver.host.logged, IsEmpty());
}

TEST(WrapperTest, LogsWhatUnloadThrows) {
  Driver<Model> driver;
  ASSERT_EQ(driver.Create("unload throws"), DR_OK);
  ASSERT_EQ(driver.Load(), DR_OK);
  driver.Unload();
  EXPECT_THAT(driver.host.logged, ElementsAre("unload: gone wrong"));
}

TEST(WrapperTest, CarriesAStateFromOneRunToAnother) {
  Driver<CountingModel> driver;
  ASSERT_EQ(driver.Create(""), DR_OK);
  using Table = plugin_internal::Table<CountingModel>;
  const auto* const steps = static_cast<const dr_stepwise_t*>(Table::Extension(DR_STEPWISE_1));
  const auto* const states = static_cast<const dr_checkpoint_t*>(Table::Extension(DR_CHECKPOINT_1));
  ASSERT_NE(steps, nullptr);
  ASSERT_NE(states, nullptr);
  const FakeJob job("a", "{}");
  dr_run_t* run = nullptr;
  uint32_t left = 0;
  ASSERT_EQ(steps->begin(driver.instance(), job.abi(), &run), DR_OK);
  ASSERT_EQ(steps->step(driver.instance(), &run, 1, &left), DR_OK);
  EXPECT_EQ(left, 2U);

  std::string state;
  const auto append = [](void* context, const void* data, uint64_t bytes) -> dr_status {
    static_cast<std::string*>(context)->append(static_cast<const char*>(data), bytes);
    return DR_OK;
  };
  EXPECT_EQ(states->save(driver.instance(), run, append, &state), DR_OK);
  EXPECT_EQ(state, "1");
  const auto refuse = [](void*, const void*, uint64_t) -> dr_status {
    return DR_RESOURCE_EXHAUSTED;
  };
  EXPECT_EQ(states->save(driver.instance(), run, refuse, nullptr), DR_RESOURCE_EXHAUSTED);
  steps->end(driver.instance(), run);

  ASSERT_EQ(states->restore(driver.instance(), job.abi(), state.data(), state.size(), &run), DR_OK);
  ASSERT_EQ(steps->step(driver.instance(), &run, 1, &left), DR_OK);
  EXPECT_EQ(left, 1U) << "it went on after the first step";
  steps->end(driver.instance(), run);
  EXPECT_EQ(states->restore(driver.instance(), job.abi(), "x", 1, &run), DR_FAILED_PRECONDITION);
  EXPECT_EQ(driver.host.words, "no state of job a");
}

TEST(WrapperTest, ShowsPreviewsWhereTheHostDoes) {
  FakeHost host;
  const FakeJob abi("a", "{}");
  const Job job(Host(host.abi()), abi.abi());
  const std::vector<uint8_t> pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_FALSE(job.WantsPreview());
  job.Preview(pixels, 2, 2, 3);  // a host that shows none
  host.shows_previews = true;
  EXPECT_FALSE(job.WantsPreview());
  host.wants_preview = true;
  EXPECT_TRUE(job.WantsPreview());
  job.Preview(pixels, 1, 4, 3);
  ASSERT_EQ(host.previews.size(), 1U);
  EXPECT_THAT(host.previews[0].shape, ElementsAre(1, 4, 3));
  EXPECT_THAT(host.previews[0].strides, ElementsAre(12, 3, 1));
  EXPECT_EQ(host.previews[0].pixels, pixels);

  EXPECT_THROW(job.Preview(pixels, 4, 4, 3), Error);
  host.wants_preview = false;
  try {
    job.Preview(pixels, 2, 2, 3);
    FAIL() << "the host's status was lost";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_INTERNAL);
    EXPECT_STREQ(error.what(), "");  // the host has said why
  }
}

TEST(WrapperTest, HasOnlyTheExtensionsThatItsModelHas) {
  EXPECT_EQ(plugin_internal::Table<Model>::Extension(DR_STEPWISE_1), nullptr);
  EXPECT_EQ(plugin_internal::Table<Model>::Extension(DR_CHECKPOINT_1), nullptr);
  EXPECT_EQ(plugin_internal::Table<CountingModel>::Extension("darkroom.unknown/1"), nullptr);
}

}  // namespace
}  // namespace darkroom
