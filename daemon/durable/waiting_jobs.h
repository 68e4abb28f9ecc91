// SPDX-License-Identifier: Apache-2.0
//
// WaitingJobs writes the states of jobs that no host has taken yet: of each job that it stores the
// server announces the headers, to one of the hosts. Most jobs are taken within moments, and their
// host writes what becomes of them; only of one that waits longer it is written here that it does.
//
// For the io_context's thread.

#ifndef DARKROOM_DURABLE_WAITING_JOBS_H_
#define DARKROOM_DURABLE_WAITING_JOBS_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/log.h"
#include "durable/job_record.h"
#include "durable/states.h"
#include "message/message.h"

namespace darkroom {

class WaitingJobs {
 public:
  // Both outlive this.
  WaitingJobs(boost::asio::io_context& io, States& states, Logger& log)
      : io_(io), states_(states), log_(log) {}

  void OnAnnounced(const Message& announcement);
  // A host, this one, has the job in its hands.
  void OnTaken(const std::string& id);

  // Writes the state of a job at once, if it was announced here and is not written yet.
  boost::asio::awaitable<void> WriteNow(std::string id);

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<void> WriteAll();
  boost::asio::awaitable<void> Write(JobRecord record);

  boost::asio::io_context& io_;
  States& states_;
  Logger& log_;
  std::deque<std::pair<Clock::time_point, std::string>> order_;  // ids, as they were announced
  std::unordered_map<std::string, JobRecord> waiting_;           // those not taken here, by id
  // A job may be taken before its announcement is heard: those of the last moments.
  std::unordered_set<std::string> taken_;
  std::unordered_set<std::string> taken_before_;
  Clock::time_point turned_{};  // when taken_ was begun
  bool writing_ = false;
};

// What an announcement, or a job itself, says of the job's id: the one that it was given, or one
// made of its number in the stream.
std::string JobIdOf(const Message& message, uint64_t sequence);

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_WAITING_JOBS_H_
