// SPDX-License-Identifier: Apache-2.0
//
// An OpenLoop asks at its own pace: one request every 1/rate seconds, whether or not the ones
// before have been answered, as many independent clients together do. So a pause of the responder
// shows in the times of all who came meanwhile; a closed loop would not even have asked.
//
// Each request has a number, a reply subject and a job id of its own, and its record stays until
// the end: a reply that is missing, wrong, another's or comes twice is told exactly.
//
// One thread owns it and calls Open, Send as often as it likes, Finish. Replies are handled on
// NATS.c's delivery thread.

#ifndef DARKROOM_BENCH_RELOAD_OPEN_LOOP_H_
#define DARKROOM_BENCH_RELOAD_OPEN_LOOP_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/status.h"
#include "echo/nats_client.h"

namespace darkroom {

struct OpenLoopPlan {
  std::string url;
  std::string subject;
  std::size_t size = 1024;  // of a request's bytes, which are to come back
  // Instead: the bytes of every request. Each reply must have the bytes of the first one.
  std::string body;
  std::string deadline;  // each request's Darkroom-Deadline; empty: none
};

// What became of one request.
struct RequestRecord {
  BenchClock::time_point sent;
  float latency_us = -1;  // until its first reply; negative: none came
  uint32_t replies = 0;
  ReplyError error = ReplyError::kNone;  // of any of its replies
  // What its first reply says: the number of its error (0: none), and of its receipt how long the
  // job waited and ran (negative: nothing).
  uint32_t code = 0;
  float queue_ms = -1;
  float run_ms = -1;
};

class OpenLoop {
 public:
  explicit OpenLoop(OpenLoopPlan plan);
  ~OpenLoop();
  OpenLoop(const OpenLoop&) = delete;
  OpenLoop& operator=(const OpenLoop&) = delete;

  // Connects, and waits until one request has had its right reply, trying again until `patience` is
  // over.
  Status Open(std::chrono::milliseconds patience);
  Status Send();
  // Waits until every request has a reply, at most for `patience`, and then for `late` more: a
  // second reply may still be on its way.
  void Finish(std::chrono::milliseconds patience, std::chrono::milliseconds late);

  // After Finish.
  const std::deque<RequestRecord>& records() const { return records_; }
  // What was wrong, in words, and how often.
  const std::map<std::string, uint64_t>& errors() const { return errors_; }

 private:
  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    static_cast<OpenLoop*>(self)->HandleReply(NatsMessage(message));
  }
  static void OnDeliveryEnded(void* self);
  static void OnError(natsConnection*, natsSubscription*, natsStatus status, void* self);

  Status Subscribe();
  Status Probe();
  NatsMessage MakeRequest(uint64_t number, const std::string& reply);
  ReplyError Check(natsMsg* message, uint64_t number, std::string* detail) const;
  void HandleReply(NatsMessage message);
  void Count(ReplyError error, const std::string& detail);  // with mutex_ held

  const OpenLoopPlan plan_;
  std::string bytes_;     // of a request; those that are to come back begin with its number
  std::string expected_;  // of a reply, where the plan has a body
  std::string inbox_;
  NatsConnection connection_;
  NatsSubscription subscription_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<RequestRecord> records_;  // by number; guarded by mutex_, as are all below
  std::map<std::string, uint64_t> errors_;
  uint64_t unanswered_ = 0;
  bool delivery_has_ended_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_BENCH_RELOAD_OPEN_LOOP_H_
