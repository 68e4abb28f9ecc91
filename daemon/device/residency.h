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
#include <functional>
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
  // Whether loading begins with starting what the plugin runs in.
  virtual bool IsCold() const { return false; }
  // It has its lease. Answered by OnLoaded or OnFailed, perhaps at once; or it is lost.
  virtual void Load() = 0;
  // Takes no more jobs and unloads when those that it has are done. Answered by OnUnloaded.
  virtual void Leave() = 0;
};

class Residency {
 public:
  using Time = Job::Clock::time_point;

  // `patience`: how long a job may wait while others' models, which are resident, are preferred.
  explicit Residency(std::chrono::milliseconds patience) : patience_(patience) {}

  void SetPatience(std::chrono::milliseconds patience) { patience_ = patience; }

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

  // What has become of a place.
  void OnLoaded(Place* place, double load_ms, Time now);
  // To load. Whether it wanted more memory than it was thought to need, and is loaded again with it
  // where there can be so much.
  bool OnFailed(Place* place);
  void OnUnloaded(Place* place);  // or made: it can be loaded
  void OnLost(Place* place);      // and is not there until it is made again
  // How many batches it has now.
  void OnBatches(Place* place, uint32_t batches, Time now);

  // Something that is loaded there wants to hold so many bytes more. What nobody uses goes for
  // them. `answer` is called once, perhaps at once, and not at all if the place is lost meanwhile.
  using Answer = std::function<void(const Status&)>;
  void Extend(Place* place, uint64_t bytes, Time now, Answer answer);
  // What is loaded there has run out of memory: it leaves, and is loaded with more when jobs wait
  // for it. False: there is no more.
  bool Grow(Place* place, Time now);

  // Loads it whether or not jobs wait: an error says that there is never room enough. Where the
  // ledger is closed it is loaded when that opens again.
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
    bool wanted = false;   // by name, and not by its jobs
    bool refused = false;  // memory that it wanted while it was loaded; it is in `bytes` by now
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
  // Where a model is, of the places that serve it.
  struct Spread {
    uint32_t ready = 0;
    bool coming = false;   // one more is being loaded, or will be
    bool at_hand = false;  // on a lane that has nothing to do
    double load_ms = 0;
    std::optional<Time> missed_since{};  // for longest
  };
  // How much a lane has to do with others.
  struct LaneUse {
    bool busy = false;
    uint32_t ready = 0;  // places
  };
  // One that waits for others to go.
  struct Extension {
    Entry* entry;
    uint64_t bytes;
    Answer answer;
  };
  // What must go so that there are so many bytes.
  struct Room {
    std::vector<Entry*> victims;
    double worth = 0;  // of them
  };
  // What must go so that a place can be loaded.
  struct Plan {
    Entry* entry = nullptr;
    Room room;
    LaneUse lane;
  };

  Entry& EntryOf(const Place* place) const;
  LaneUse UseOf(const void* lane) const;
  Spread SpreadOf(const Model& model) const;
  // `later`: one that may be soon.
  std::vector<Need> Needs(Time now, bool* later) const;
  bool NeedsPlace(const Model& model, Time now, bool* later) const;
  bool IsBacklogged(const Model& model) const;
  void NoteBacklogs(Time now);
  bool Bypassed(const Need& need, Time now) const;
  bool Meet(const Need& need, Time now);
  std::optional<Room> RoomFor(const Entry& entry, uint64_t bytes, const Need* need, Time now) const;
  std::optional<Plan> PlanFor(Entry* entry, const Need* need, Time now) const;
  bool MayEvict(const Entry& victim, const Need* need, const Model& for_model, Time now) const;
  bool HasAwaiting(const Ledger* ledger) const;
  void CarryOut(const Plan& plan, Time now);
  void Evict(const Room& room, Time now);
  void Lease(Entry* entry, uint64_t bytes);
  static Status NoRoom(const Entry& entry, uint64_t bytes);
  bool AnyLeaves(const Ledger* ledger) const;
  void GoOnWithExtensions();
  void Refuse(Entry* entry, uint64_t bytes, const Answer& answer);
  void Start(Entry* entry);
  void GoOnWithAwaiting();
  void LoadWanted(Time now, std::optional<Time>* next);
  std::optional<Time> LetIdleOnesGo(Time now);

  std::chrono::milliseconds patience_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<Extension> extensions_;
  uint64_t loads_ = 0;
  uint64_t evictions_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_RESIDENCY_H_
