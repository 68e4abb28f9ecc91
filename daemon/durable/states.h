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
#include <cstdint>
#include <optional>
#include <string>

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

  // Both outlive this.
  States(JetStream& jetstream, const DurableNames& names) : jetstream_(jetstream), names_(names) {}

  boost::asio::awaitable<Result<std::optional<Entry>>> Get(std::string job);

  // Keeps the record and its new revision. False: another has changed it meanwhile.
  boost::asio::awaitable<Result<bool>> Put(Entry& entry);

 private:
  JetStream& jetstream_;
  const DurableNames& names_;
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_STATES_H_
