// SPDX-License-Identifier: Apache-2.0
//
// Simulation is a host without plugins, messages or time: the daemon's own scheduler, residency,
// ledgers, queues and job table, with devices that do nothing for as long as a model's batches and
// loads take. What joins them does as Lane, DevicePool and JobFlow do.
//
// For tests; one thread.

#ifndef DARKROOM_TESTS_DEVICE_SIMULATION_H_
#define DARKROOM_TESTS_DEVICE_SIMULATION_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/ledger.h"
#include "device/residency.h"
#include "queue/job_table.h"
#include "queue/tenant.h"
#include "scheduler/scheduler.h"
#include "tests/device/virtual_time.h"

namespace darkroom {

struct SimulatedModel {
  uint64_t bytes = 1;
  double load_ms = 0;
  double unload_ms = 0;
  double batch_ms = 0;  // what a batch takes however small it is
  double job_ms = 1;    // and each of its jobs
  uint32_t max_batch = 1;
  uint32_t queue = 1'000'000;

  double BatchMs(size_t jobs) const { return batch_ms + job_ms * static_cast<double>(jobs); }
};

struct SimulatedJob {
  size_t model = 0;
  JobClass job_class = JobClass::kInteractive;
  std::string tenant{};
  double deadline_ms = 1e9;  // counted from when it comes
};

// What became of a job that was accepted; times are milliseconds of virtual time.
struct Outcome {
  size_t model;
  JobClass job_class;
  std::string tenant;
  double accepted;
  double deadline;
  double given = -1;  // to a lane; negative: never
  double begun = -1;
  double ended = -1;
  uint32_t ends = 0;

  double wait() const { return (begun < 0 ? ended : begun) - accepted; }
  bool ran() const { return begun >= 0; }
};

class SimulatedLane;

class Simulation {
 public:
  using Time = VirtualTime::Time;

  struct Device {
    explicit Device(uint64_t budget) : ledger(budget) {}

    Ledger ledger;
    uint64_t resident = 0;      // bytes, counted apart from the ledger
    double busy_ms = 0;         // that batches ran
    double load_ms = 0;         // that models were loaded
    std::vector<size_t> order;  // of whose batches were run here
  };

  explicit Simulation(std::chrono::milliseconds patience,
                      std::map<std::string, double> weights = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Models first; each device has a place for each on each of its lanes.
  size_t AddModel(const SimulatedModel& spec);
  Device& AddDevice(uint64_t budget, uint32_t lanes = 1);

  // Something that happens then: usually that jobs come.
  void At(double ms, VirtualTime::Action action);
  // A job comes now. False: it is refused, as its model's queue is full.
  bool Submit(const SimulatedJob& job);
  // Goes on until nothing is left to do or that time has come.
  void Run(double until_ms = 1e12);

  const std::vector<Outcome>& outcomes() const { return outcomes_; }
  const std::vector<std::unique_ptr<Device>>& devices() const { return devices_; }
  const Residency& residency() const { return residency_; }
  const JobTable& jobs() const { return jobs_; }
  const Model& model(size_t index) const { return *models_[index]; }
  double now_ms() const { return time_.now_ms(); }
  double busy_ms() const;
  double load_ms() const;
  // The most that was on a device at a time beyond what it has room for, in bytes; 0: never.
  uint64_t most_over_budget() const { return most_over_budget_; }
  std::function<void(const Outcome&)> on_ended;

 private:
  friend class SimulatedLane;

  void Touch();
  void Consider();
  void Check();
  // `batch_ms`: of a batch of so many that ran; none: the job was dropped.
  void End(uint64_t token, std::optional<double> batch_ms, size_t batch_size);
  Outcome& OutcomeOf(uint64_t token) { return outcomes_[token - 1]; }

  VirtualTime time_;
  Scheduler scheduler_;
  Residency residency_;
  TenantTable tenants_;
  JobTable jobs_;
  std::vector<SimulatedModel> specs_;
  std::vector<std::shared_ptr<Model>> models_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<std::unique_ptr<SimulatedLane>> lanes_;
  std::vector<Outcome> outcomes_;  // of the job with the token that is one more
  bool touched_ = false;
  uint64_t considered_ = 0;
  uint64_t most_over_budget_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_DEVICE_SIMULATION_H_
