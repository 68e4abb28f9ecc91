// SPDX-License-Identifier: Apache-2.0
//
// A lane of a simulated device, which does with the scheduler and residency as Lane does, and with
// batches as an instance does: one runs, and one is at hand.
//
// For tests; one thread.

#ifndef DARKROOM_TESTS_DEVICE_SIMULATED_LANE_H_
#define DARKROOM_TESTS_DEVICE_SIMULATED_LANE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "tests/device/simulation.h"

namespace darkroom {

class SimulatedLane : public LaneClient {
 public:
  SimulatedLane(Simulation* simulation, Simulation::Device* device);
  ~SimulatedLane() override;

  void Wake() override;

 private:
  // Where one model can be loaded.
  struct Seat final : Place {
    Seat(SimulatedLane* its_lane, size_t its_model) : lane(its_lane), model(its_model) {}
    void Load() override { lane->Load(this); }
    void Leave() override { lane->LetGo(this); }

    SimulatedLane* lane;
    size_t model;
    bool leaving = false;
  };
  struct Batch {
    Seat* seat;
    std::vector<uint64_t> tokens;
  };

  void Load(Seat* seat);
  void LetGo(Seat* seat);
  void UnloadIfDone(Seat* seat);
  void Ask();
  void AskAt(Simulation::Time time);
  void Run(Seat* seat, const std::vector<Job*>& batch);
  void Begin();
  void OnBatchDone(double batch_ms);
  uint32_t Outstanding(const Seat* seat) const;

  Simulation& simulation_;
  Simulation::Device& device_;
  std::vector<std::unique_ptr<Seat>> seats_;  // as the simulation's models
  std::deque<Batch> out_;                     // the first one runs
  Simulation::Time since_{};
  Simulation::Time again_{};
  bool asked_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_DEVICE_SIMULATED_LANE_H_
