// SPDX-License-Identifier: Apache-2.0
//
// Hours of scheduling in a moment: what the scheduler, residency and the ledgers do together, with
// random work that is the same each time.

#include "tests/device/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/device/arrivals.h"
#include "tests/device/least_loads.h"

namespace darkroom {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr double kPatienceMs = 10'000;
constexpr double kFloor = 0.05;      // the scheduler's, of itself
constexpr double kAheadMs = 2;       // the scheduler's
constexpr double kLookAgainMs = 50;  // residency's

double LongestWait(const Simulation& simulation) {
  double longest = 0;
  for (const Outcome& job : simulation.outcomes()) longest = std::max(longest, job.wait());
  return longest;
}

double LastEnded(const Simulation& simulation) {
  double last = 0;
  for (const Outcome& job : simulation.outcomes()) last = std::max(last, job.ended);
  return last;
}

void ExpectEachEndedOnce(const Simulation& simulation) {
  EXPECT_EQ(simulation.jobs().size(), 0U);
  for (const Outcome& job : simulation.outcomes()) {
    ASSERT_EQ(job.ends, 1U) << "of model " << job.model << ", accepted at " << job.accepted;
  }
}

double Percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

// 10,000 jobs for models on two devices, for 60 % of what these can do if they load for half of
// their time.
void RunMixed(Simulation* simulation, const std::vector<uint64_t>& bytes, uint64_t budget) {
  double job_ms = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    SimulatedModel spec;
    spec.bytes = bytes[i];
    spec.load_ms = 100 * static_cast<double>(bytes[i]);
    spec.unload_ms = 50;
    spec.batch_ms = 30;
    spec.job_ms = 10 + 5 * static_cast<double>(i % 3);
    spec.max_batch = 8;
    job_ms += spec.BatchMs(spec.max_batch) / spec.max_batch / static_cast<double>(bytes.size());
    simulation->AddModel(spec);
  }
  simulation->AddDevice(budget);
  simulation->AddDevice(budget);
  Arrivals arrivals(simulation, 0.6 * 0.5 * 2 * 1000 / job_ms,
                    std::vector<double>(bytes.size(), 1));
  arrivals.Begin(10'000);
  simulation->Run();
}

// A model is out for as long as jobs of others are preferred, which is `patience`; then for the
// turns of those that have been out for longer. A turn is `patience` too, and the change: the last
// two batches of the one that goes, its unloading, and loading. Then a job waits as long as its
// class may be passed over.
double LongestWaitAllowed(size_t models, double load_ms, double unload_ms, double batch_ms) {
  const double change = 2 * batch_ms + unload_ms + load_ms + kLookAgainMs;
  return kPatienceMs + static_cast<double>(models) * (kPatienceMs + change) + batch_ms / kFloor;
}

// Together they need four times what two devices with 24 have.
class MixedSimulation : public testing::TestWithParam<std::vector<uint64_t>> {};

TEST_P(MixedSimulation, StaysInBudgetEndsEachJobAndStarvesNobody) {
  Simulation simulation(kPatience);
  RunMixed(&simulation, GetParam(), 24);
  EXPECT_EQ(simulation.most_over_budget(), 0U);
  EXPECT_EQ(simulation.outcomes().size(), 10'000U);
  ExpectEachEndedOnce(simulation);
  const double allowed = LongestWaitAllowed(GetParam().size(), 2400, 50, 190);
  EXPECT_LE(LongestWait(simulation), allowed);
  RecordProperty("longest_wait_ms", std::to_string(LongestWait(simulation)));
  RecordProperty("longest_wait_allowed_ms", std::to_string(allowed));
  RecordProperty("loads", std::to_string(simulation.residency().loads()));
  RecordProperty("busy_ms", std::to_string(simulation.busy_ms()));
  RecordProperty("loading_ms", std::to_string(simulation.load_ms()));
  RecordProperty("last_ended_ms", std::to_string(LastEnded(simulation)));
}

INSTANTIATE_TEST_SUITE_P(Sizes, MixedSimulation,
                         testing::Values(std::vector<uint64_t>(8, 24),
                                         std::vector<uint64_t>{24, 20, 18, 16, 16, 14, 12, 12, 10,
                                                               10, 8, 8, 8, 6, 6, 4}),
                         [](const auto& one) {
                           return std::to_string(one.param.size()) + "Models";
                         });

TEST(Simulation, LoadsLittleMoreThanWhoKnowsTheFuture) {
  for (const size_t models : {size_t{8}, size_t{16}}) {
    Simulation simulation(kPatience);
    std::vector<double> weights;
    for (size_t i = 0; i < models; ++i) {
      SimulatedModel spec;
      spec.load_ms = 1000;
      spec.unload_ms = 50;
      spec.batch_ms = 20;
      spec.job_ms = 15;
      spec.max_batch = 8;
      simulation.AddModel(spec);
      weights.push_back(1 / static_cast<double>(i + 1));  // few are asked for often, most seldom
    }
    constexpr size_t kRoom = 2;
    simulation.AddDevice(kRoom);
    simulation.AddDevice(kRoom);
    Arrivals arrivals(&simulation, 20, weights);
    arrivals.Begin(10'000);
    simulation.Run();
    size_t least = 0;
    for (const auto& device : simulation.devices()) least += LeastLoads(device->order, kRoom);
    const uint64_t loads = simulation.residency().loads();
    EXPECT_LE(static_cast<double>(loads), 1.5 * static_cast<double>(least));
    RecordProperty("loads_" + std::to_string(models), std::to_string(loads));
    RecordProperty("least_loads_" + std::to_string(models), std::to_string(least));
  }
}

// How many jobs of a model of which there are always some are done in 100 s. `at_once`: all come in
// the beginning, and else one for each that ends.
double DoneBy(size_t devices, bool at_once) {
  Simulation simulation(kPatience);
  SimulatedModel spec;
  spec.load_ms = 1000;
  spec.batch_ms = 20;
  spec.job_ms = 10;
  spec.max_batch = 8;
  simulation.AddModel(spec);
  for (size_t i = 0; i < devices; ++i) simulation.AddDevice(1);
  const SimulatedJob job{0, JobClass::kBulk, ""};
  simulation.At(0, [&] {
    for (int i = 0; i < (at_once ? 40'000 : 256); ++i) simulation.Submit(job);
  });
  if (!at_once) simulation.on_ended = [&](const Outcome&) { simulation.Submit(job); };
  simulation.Run(100'000);
  return static_cast<double>(std::count_if(simulation.outcomes().begin(),
                                           simulation.outcomes().end(),
                                           [](const Outcome& one) { return one.ended >= 0; }));
}

TEST(Simulation, FourDevicesDoFourTimesAsMuch) {
  for (const bool at_once : {true, false}) {
    const double times = DoneBy(4, at_once) / DoneBy(1, at_once);
    EXPECT_GE(times, 3.8) << (at_once ? "at once" : "one by one");
    RecordProperty(at_once ? "times_at_once" : "times_one_by_one", std::to_string(times));
  }
}

struct Mixture {
  double bulk_ended = 0;  // the last of them
  std::vector<double> quick_waits;
  double quick_ms = 0;  // of the device, while there was bulk
};

Mixture BulkAndQuick(bool quick) {
  Simulation simulation(kPatience);
  simulation.AddModel({.load_ms = 1000, .job_ms = 60});
  simulation.AddModel({.load_ms = 100, .job_ms = 5});
  simulation.AddDevice(2);
  simulation.At(0, [&] {
    simulation.Submit({.model = 1});  // so that it is loaded
    for (int i = 0; i < 10'000; ++i) simulation.Submit({0, JobClass::kBulk, ""});
  });
  std::mt19937_64 random(4);
  std::exponential_distribution<double> gap_ms(0.01);
  for (double at = 5000; quick && at < 600'000; at += gap_ms(random)) {
    simulation.At(at, [&] { simulation.Submit({.model = 1}); });
  }
  simulation.Run();
  Mixture mixture;
  for (const Outcome& job : simulation.outcomes()) {
    if (job.model == 0) mixture.bulk_ended = std::max(mixture.bulk_ended, job.ended);
  }
  for (const Outcome& job : simulation.outcomes()) {
    if (job.model == 0 || job.accepted < 5000) continue;
    mixture.quick_waits.push_back(job.wait());
    if (job.ended <= mixture.bulk_ended) mixture.quick_ms += 5;
  }
  return mixture;
}

TEST(Simulation, InteractiveJobsWaitForOneBatchAndCostBulkOnlyTheirTime) {
  const double alone_ms = BulkAndQuick(false).bulk_ended;
  const Mixture both = BulkAndQuick(true);
  const double p99 = Percentile(both.quick_waits, 0.99);
  EXPECT_LE(p99, 60 + 5 + kAheadMs);
  EXPECT_LE(both.bulk_ended, 1.05 * alone_ms + both.quick_ms);
  RecordProperty("interactive_p99_ms", std::to_string(p99));
  RecordProperty("bulk_alone_ms", std::to_string(alone_ms));
  RecordProperty("bulk_both_ms", std::to_string(both.bulk_ended));
  RecordProperty("interactive_device_ms", std::to_string(both.quick_ms));
}

// With ten times as many jobs as can be done what is done must be what is in time. Where all have
// much time any order will do; where they have little, the earliest deadline is too near.
TEST(Simulation, UnderOverloadWhatIsDoneIsInTime) {
  for (const double least_deadline : {200.0, 1000.0, 3000.0}) {
    Simulation simulation(kPatience);
    const SimulatedModel spec{
        .load_ms = 1000, .batch_ms = 20, .job_ms = 10, .max_batch = 8, .queue = 256};
    simulation.AddModel(spec);
    simulation.AddDevice(1);
    constexpr double kEnd = 100'000;
    const double capacity = (kEnd - spec.load_ms) / spec.BatchMs(spec.max_batch) * spec.max_batch;
    std::mt19937_64 random(5);
    std::exponential_distribution<double> gap_ms(10 * capacity / (kEnd - spec.load_ms));
    std::uniform_real_distribution<double> deadline_ms(least_deadline, 3000);
    size_t refused = 0;
    for (double at = 0; at < kEnd; at += gap_ms(random)) {
      simulation.At(at, [&, deadline = deadline_ms(random)] {
        if (!simulation.Submit({0, JobClass::kInteractive, "", deadline})) ++refused;
      });
    }
    simulation.Run();
    ExpectEachEndedOnce(simulation);
    EXPECT_GT(refused, simulation.outcomes().size());
    double good = 0;
    for (const Outcome& job : simulation.outcomes()) {
      if (!job.ran()) continue;
      EXPECT_LT(job.given, job.deadline);
      EXPECT_LT(job.begun, job.deadline);
      if (job.ended <= std::min(job.deadline, kEnd)) ++good;
    }
    EXPECT_GE(good, 0.9 * capacity) << "deadlines from " << least_deadline << " ms";
    RecordProperty("goodput_" + std::to_string(static_cast<int>(least_deadline)),
                   std::to_string(good / capacity));
  }
}

TEST(Simulation, TenantsHaveTheirShares) {
  Simulation simulation(kPatience, {{"c", 2}});
  simulation.AddModel({.load_ms = 100, .job_ms = 10});
  simulation.AddModel({.load_ms = 100, .batch_ms = 20, .job_ms = 10, .max_batch = 4});
  simulation.AddDevice(2);
  simulation.At(0, [&] {
    for (size_t i = 0; i < 8000; ++i) {
      simulation.Submit({0, JobClass::kBulk, "a"});
      simulation.Submit({1, JobClass::kBulk, "b"});
      simulation.Submit({i % 2, JobClass::kBulk, "c"});
    }
  });
  simulation.Run(60'000);
  std::map<std::string, double> had_ms;
  double all_ms = 0;
  for (const Outcome& job : simulation.outcomes()) {
    if (job.ended < 0) continue;
    const double ms = job.model == 0 ? 10 : 15;  // a quarter of a batch
    had_ms[job.tenant] += ms;
    all_ms += ms;
  }
  const std::map<std::string, double> weights = {{"a", 1}, {"b", 1}, {"c", 2}};
  for (const auto& [tenant, weight] : weights) {
    EXPECT_NEAR(had_ms[tenant] / all_ms, weight / 4, 0.05 * weight / 4) << tenant;
    RecordProperty("share_" + tenant, std::to_string(had_ms[tenant] / all_ms));
  }
}

// More of the one model's interactive jobs come than a device can do, and it has room for one.
TEST(Simulation, ABulkJobIsRunThoughInteractiveJobsNeverEnd) {
  for (const size_t busy : {size_t{1}, size_t{2}}) {
    Simulation simulation(kPatience);
    const SimulatedModel spec{.load_ms = 1000, .unload_ms = 50, .job_ms = 55};
    for (size_t i = 0; i <= busy; ++i) simulation.AddModel(spec);
    simulation.AddDevice(1);
    for (size_t i = 0; i < 6000; ++i) {
      simulation.At(50 * static_cast<double>(i),
                    [&, i] { simulation.Submit({.model = i % busy}); });
    }
    simulation.At(100, [&] { simulation.Submit({busy, JobClass::kBulk, ""}); });
    simulation.Run();
    ExpectEachEndedOnce(simulation);
    const auto bulk =
        std::find_if(simulation.outcomes().begin(), simulation.outcomes().end(),
                     [](const Outcome& one) { return one.job_class == JobClass::kBulk; });
    EXPECT_LE(bulk->wait(), LongestWaitAllowed(busy + 1, 1000, 50, 55)) << busy;
    RecordProperty("bulk_wait_ms_" + std::to_string(busy), std::to_string(bulk->wait()));
  }
}

}  // namespace
}  // namespace darkroom
