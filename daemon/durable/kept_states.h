// SPDX-License-Identifier: Apache-2.0
//
// KeptStates keeps the newest state of each durable job that runs in steps in a bucket of objects,
// so that whichever host is given the job next goes on there (docs/durable-jobs.md, "Going on at
// the last step").
//
// It is written beside the jobs' way: nobody waits for it. One object is written at a time; a state
// that waits is replaced by its job's next. What cannot be written is told of now and then, and
// costs a job that is given to another host the steps since the last that could.
//
// For the io_context's thread.

#ifndef DARKROOM_DURABLE_KEPT_STATES_H_
#define DARKROOM_DURABLE_KEPT_STATES_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/log.h"
#include "core/saved_state.h"
#include "core/status.h"
#include "durable/kept_state.h"
#include "durable/streams.h"
#include "message/object_store.h"

namespace darkroom {

class KeptStates {
 public:
  // All outlive this. `on_idle` is called when nothing is left to be written.
  struct Parts {
    boost::asio::io_context& io;
    ObjectStore& objects;
    Streams& streams;
    std::string bucket;
    Logger& log;
    std::function<void()> on_idle;
  };

  explicit KeptStates(Parts parts) : parts_(std::move(parts)) {}

  // The state that was kept of the job; nullptr: none that is any good.
  boost::asio::awaitable<std::shared_ptr<const SavedState>> Find(StateOwner owner);

  void Keep(const StateOwner& owner, std::shared_ptr<const SavedState> state);
  // Nothing is to be kept of the job: it has ended, or its state is no good.
  void Drop(const StateOwner& owner);

  bool idle() const { return !writing_; }

 private:
  // What is to become of a job's object.
  struct Wish {
    StateOwner owner;
    std::shared_ptr<const SavedState> state;  // nullptr: it is to go
  };

  void Add(Wish wish);
  boost::asio::awaitable<void> Write();
  boost::asio::awaitable<Status> Store(const Wish& wish);
  ObjectUrl UrlOf(const StateOwner& owner) const { return {parts_.bucket, "state." + owner.job}; }
  void Warn(const std::string& words);

  const Parts parts_;
  std::unordered_map<std::string, Wish> wishes_;  // by job
  std::deque<std::string> order_;                 // jobs of those
  bool writing_ = false;
  bool has_bucket_ = false;
  std::chrono::steady_clock::time_point quiet_until_{};  // no warnings
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_KEPT_STATES_H_
