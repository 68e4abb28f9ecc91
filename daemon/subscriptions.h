// SPDX-License-Identifier: Apache-2.0
//
// Subscriptions is who hears what of an Intake: a handler for each subject that was subscribed to.
// They come and go while the daemon works.
//
// For the io_context's thread.

#ifndef DARKROOM_SUBSCRIPTIONS_H_
#define DARKROOM_SUBSCRIPTIONS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "core/status.h"
#include "message/intake.h"

namespace darkroom {

class Subscriptions {
 public:
  using Handler = std::function<void(Message)>;

  // Whose arrivals come to OnArrival; it outlives this. Before the first subscription.
  void Use(Intake* intake) { intake_ = intake; }
  void OnArrival(Arrival arrival) { handlers_[arrival.subscription](std::move(arrival.message)); }

  // Its number, by which it can be removed. Every daemon hears what has no queue group.
  Result<uint32_t> Add(const std::string& subject, const std::string& group, Handler handler);
  // What was on its way still comes, and then `dry` is called.
  void Remove(uint32_t number, std::function<void()> dry);

 private:
  Intake* intake_ = nullptr;
  std::deque<Handler> handlers_;  // by number; adding one leaves one that is at work where it is
  std::vector<uint32_t> free_;    // numbers
};

}  // namespace darkroom

#endif  // DARKROOM_SUBSCRIPTIONS_H_
