// SPDX-License-Identifier: Apache-2.0
//
// Residency decides which models are loaded where. A model is loaded when jobs of it wait, or when
// it is told to be; it stays until it has been idle for its keep_alive, or its room is needed. To
// make room the places that would be missed least go first: by what it takes to load them again,
// times how much they were used lately, divided by the bytes they give back. One that others' jobs
// wait for goes only for more urgent jobs, or for those that have waited longer than `patience`.
//
// A pure decider for the io_context's thread, as the scheduler is: it keeps no time and starts
// nothing of its own. docs/scheduling.md tells the rules.

#ifndef DARKROOM_DEVICE_RESIDENCY_H_
#define DARKROOM_DEVICE_RESIDENCY_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/status.h"
#include "device/ledger.h"
#include "queue/model.h"

namespace darkroom {

// A lane where a model can be ready.
class Place {
 public:
  virtual ~Place() = default;
  // It has its lease. Answered by OnLoaded or OnFailed, perhaps at once.
  virtual void Load() = 0;
  // Takes no more jobs and unloads when those that it has are done. Answered by OnUnloaded.
  virtual void Leave() = 0;
};

class Residency {
 public:
  using Time = Job::Clock::time_point;

  // `patience`: how long a job may wait while others' models, which are resident, are preferred.
  explicit Residency(std::chrono::milliseconds patience) : patience_(patience) {}

  struct Spec {
    Model* model;
    Ledger* ledger;
    uint64_t bytes;    // that it needs
    const void* lane;  // which runs one model at a time
  };
  // All outlive the place's stay here.
  void Add(Place* place, const Spec& spec);
  void Remove(Place* place);

  // Whether jobs of the model go there; at first not.
  void Serve(Place* place, bool serves);

  // What has become of a place. It can be loaded once it is made, and after each of the others.
  void OnMade(Place* place);
  void OnLoaded(Place* place, double load_ms, Time now);
  void OnFailed(Place* place);
  void OnUnloaded(Place* place);
  void OnLost(Place* place);  // and is not there until it is made again
  // How many batches it has now.
  void OnBatches(Place* place, uint32_t batches, Time now);

  // Loads it whether or not jobs wait: an error says that there is never room enough.
  Status Want(Place* place, Time now);

  // Does what is to be done. To be called whenever something has changed, and at the time that it
  // returns.
  std::optional<Time> Consider(Time now);

  enum class State : uint8_t {
    kAbsent,
    kUnloaded,
    kAwaiting,  // is to be loaded when there is room
    kLoading,
    kReady,
    kLeaving,
  };
  struct View {
    State state;
    uint64_t bytes;
    Time ready_at;  // when it was loaded
    Time last_used;
    std::optional<Time> kept_until;
  };
  View Look(const Place* place) const;
  uint64_t loads() const { return loads_; }
  uint64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    Place* place;
    Spec spec;
    State state = State::kAbsent;
    bool serves = false;
    bool wanted = false;  // by name, and not by its jobs
    uint32_t batches = 0;
    double load_ms = 0;
    Time ready_at{};
    Time left_at{};                      // it was last told to leave
    std::optional<Time> missed_since{};  // its model has had more to do than its other places do
    double uses = 0;                     // of late, as of `used_at`
    Time used_at{};
  };
  // Jobs of a model that wait for a place.
  struct Need {
    const Model* model;
    JobClass job_class;  // the most urgent of them
    Time since;          // the oldest of them has waited, or the model was last sent away
    bool elsewhere;      // they have a place already, and another would be of use
  };
  // How much a lane has to do with others.
  struct LaneUse {
    bool busy = false;
    uint32_t ready = 0;  // places
  };
  // What must go so that a place can be loaded.
  struct Plan {
    Entry* entry = nullptr;
    std::vector<Entry*> victims;
    double worth = 0;  // of them
    LaneUse lane;
  };

  Entry& EntryOf(const Place* place) const;
  LaneUse UseOf(const void* lane) const;
  // `later`: one that may be soon.
  std::vector<Need> Needs(Time now, bool* later) const;
  bool NeedsPlace(const Model& model, Time now, bool* later) const;
  bool IsBacklogged(const Model& model) const;
  void NoteBacklogs(Time now);
  bool Bypassed(const Need& need, Time now) const;
  bool Meet(const Need& need, Time now);
  std::optional<Plan> PlanFor(Entry* entry, const Need* need, Time now) const;
  bool MayEvict(const Entry& victim, const Need* need, const Model& for_model, Time now) const;
  bool HasAwaiting(const Ledger* ledger) const;
  void CarryOut(const Plan& plan, Time now);
  void Start(Entry* entry);
  void GoOnWithAwaiting();
  void LoadWanted(Time now, std::optional<Time>* next);
  std::optional<Time> LetIdleOnesGo(Time now);

  const std::chrono::milliseconds patience_;
  std::vector<std::unique_ptr<Entry>> entries_;
  uint64_t loads_ = 0;
  uint64_t evictions_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_RESIDENCY_H_
