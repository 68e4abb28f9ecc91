// SPDX-License-Identifier: Apache-2.0
//
// ConnectionLog is what the connections to the NATS server complain of: a right that lacks, a login
// that is refused, messages that were dropped, a server that is about to stop. It goes to the log,
// each thing once a minute at most however often it happens, and is kept for whoever asks for the
// daemon's status.
//
// Any thread.

#ifndef DARKROOM_MESSAGE_CONNECTION_LOG_H_
#define DARKROOM_MESSAGE_CONNECTION_LOG_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"

namespace darkroom {

enum class NatsTrouble : uint8_t {
  kPermission,    // a subject that we may not publish or subscribe to
  kLogin,         // who we are is not believed, or who the server is
  kSlowConsumer,  // messages came faster than they were taken, and were dropped
  kLameDuck,      // the server is about to stop
  kOther,
};
constexpr size_t kNatsTroubles = 5;

std::string_view NatsTroubleName(NatsTrouble kind);  // "permission", "login", ...

class ConnectionLog {
 public:
  struct Entry {
    NatsTrouble kind;
    std::string connection;
    std::string what;
    uint64_t times;
    std::chrono::system_clock::time_point last;
  };

  explicit ConnectionLog(Logger& log) : log_(log) {}

  // `connection`: what it is for, such as "replies".
  void Note(NatsTrouble kind, const std::string& connection, const std::string& what);

  uint64_t Count(NatsTrouble kind) const;
  // The last few different ones, the newest last.
  std::vector<Entry> Entries() const;

 private:
  struct Kept {
    Entry entry;
    std::chrono::steady_clock::time_point told;
    uint64_t untold = 0;  // times since
  };

  Logger& log_;
  mutable std::mutex mutex_;
  std::array<uint64_t, kNatsTroubles> counts_{};  // guarded by mutex_
  std::vector<Kept> kept_;                        // guarded by mutex_
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_CONNECTION_LOG_H_
