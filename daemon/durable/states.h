// SPDX-License-Identifier: Apache-2.0
//
// States keeps jobs' records in their bucket, where everybody may watch them. A record is written
// over the one that it was made of and no other: of two hosts that change a job's state at once one
// is told that it came late.
//
// For the io_context's thread.

#ifndef DARKROOM_DURABLE_STATES_H_
#define DARKROOM_DURABLE_STATES_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/status.h"
#include "durable/jetstream.h"
#include "durable/job_record.h"
#include "durable/names.h"

namespace darkroom {

class States {
 public:
  struct Entry {
    JobRecord record;
    uint64_t revision = 0;  // 0: it is not kept yet
  };

  // All outlive this.
  States(boost::asio::io_context& io, JetStream& jetstream, const DurableNames& names)
      : io_(io), jetstream_(jetstream), names_(names) {}

  // `new_job`: there is hardly any. Many that come at once are then asked for in one question,
  // whose answer for most is all.
  boost::asio::awaitable<Result<std::optional<Entry>>> Get(std::string job, bool new_job = false);

  // Keeps the record and its new revision. False: another has changed it meanwhile.
  boost::asio::awaitable<Result<bool>> Put(Entry& entry);

 private:
  // One question for many jobs.
  struct Round {
    explicit Round(boost::asio::io_context& io) : over(io) {}
    std::vector<std::string> subjects;
    Result<bool> any = true;
    Event over;
  };

  boost::asio::awaitable<Result<bool>> MayHave(const std::string& job);
  boost::asio::awaitable<void> AskNext();

  boost::asio::io_context& io_;
  JetStream& jetstream_;
  const DurableNames& names_;
  std::shared_ptr<Round> next_;  // nullptr: nobody waits for it
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_STATES_H_
