// SPDX-License-Identifier: Apache-2.0
//
// A Slot is one place of the closed loop: it has at most one request in flight, and knows the bytes
// that must come back. A load of concurrency N is N slots. Every slot's bytes differ, and every
// request of a slot differs from the one before, so that a reply that is stale, mixed up or merely
// of the right length is seen.
//
// A slot is used by one thread at a time: the one that starts it, then the one that handles its
// replies.

#ifndef DARKROOM_BENCH_ECHO_SLOT_H_
#define DARKROOM_BENCH_ECHO_SLOT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace darkroom {

using BenchClock = std::chrono::steady_clock;

enum class ReplyError : uint8_t {
  kNone,
  kLength,     // not as many bytes as were sent
  kContent,    // the right number of bytes, but other ones
  kService,    // the responder answered with an error
  kUnreached,  // nobody listens
  kTransport,  // the connection failed
  kNoReply,    // still in flight when patience ran out
};

const char* Words(ReplyError error);

class Slot {
 public:
  // `size` is at least kMinimumSize. `index` makes the bytes of this slot its own.
  Slot(std::size_t index, std::size_t size);

  static constexpr std::size_t kMinimumSize = 8;  // the request's number

  // Makes the next request's bytes and starts its clock. They stay as they are until the next call.
  std::string_view Next();

  // What is wrong with the bytes of a reply to the newest request.
  ReplyError Check(std::string_view reply) const;

  BenchClock::time_point sent() const { return sent_; }

 private:
  std::vector<char> bytes_;
  uint64_t number_;
  BenchClock::time_point sent_;
};

}  // namespace darkroom

#endif  // DARKROOM_BENCH_ECHO_SLOT_H_
