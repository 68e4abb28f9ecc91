// SPDX-License-Identifier: Apache-2.0
//
// Random jobs of all classes and four tenants that come to a simulation one after another, as those
// of many independent callers do (a Poisson process). The same each time.
//
// For tests; must outlive the simulation's run.

#ifndef DARKROOM_TESTS_DEVICE_ARRIVALS_H_
#define DARKROOM_TESTS_DEVICE_ARRIVALS_H_

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "tests/device/simulation.h"

namespace darkroom {

class Arrivals {
 public:
  // `weights`: how often each model is asked for, compared with the others.
  Arrivals(Simulation* simulation, double per_second, const std::vector<double>& weights)
      : simulation_(*simulation),
        gap_ms_(per_second / 1000),
        model_(weights.begin(), weights.end()) {}

  void Begin(size_t jobs) {
    left_ = jobs;
    Next();
  }

 private:
  void Next() {
    if (left_ == 0) return;
    --left_;
    simulation_.At(simulation_.now_ms() + gap_ms_(random_), [this] {
      static constexpr std::array<const char*, 4> kTenants = {"a", "b", "c", "d"};
      SimulatedJob job;
      job.model = model_(random_);
      job.job_class = static_cast<JobClass>(random_() % kJobClasses.size());
      job.tenant = kTenants[random_() % kTenants.size()];
      simulation_.Submit(job);
      Next();
    });
  }

  Simulation& simulation_;
  std::exponential_distribution<double> gap_ms_;
  std::discrete_distribution<size_t> model_;
  std::mt19937_64 random_{20'261'121};
  size_t left_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_DEVICE_ARRIVALS_H_
