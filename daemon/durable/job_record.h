// SPDX-License-Identifier: Apache-2.0
//
// JobRecord is what everybody may know of a durable job: one small JSON document in the bucket of
// job states (docs/durable-jobs.md). Its states are a job's: queued, running, and one of four
// terminal ones, which is never left.
//
// A plain value; any thread.

#ifndef DARKROOM_DURABLE_JOB_RECORD_H_
#define DARKROOM_DURABLE_JOB_RECORD_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "queue/job.h"

namespace darkroom {

struct JobRecord {
  using Time = std::chrono::system_clock::time_point;

  std::string id;
  std::string model;
  std::string job_class;  // interactive, normal, bulk
  JobState state = JobState::kQueued;
  uint32_t attempts = 0;
  uint32_t returned = 0;  // how often a host gave it back untried
  Time submitted{};
  Time started{};                    // of the newest attempt; the epoch: never
  Time finished{};                   // the epoch: not yet
  std::string host;                  // of the newest attempt
  std::string device;                // likewise
  std::vector<std::string> history;  // how failed attempts ended, in words
  Status error;                      // of a terminal state that is no success
  std::string result;                // the subject where the final reply is stored
  double progress = 0;               // of the attempt that runs, 0 to 1
  std::string stage;                 // likewise, in the plugin's words
  nlohmann::json receipt;            // what made the result; null: nothing did
  bool dead = false;                 // a dead letter is kept
  std::map<std::string, std::string> tags;

  // Changes the state, if it may be left for that one. A job that runs goes back to the queue to be
  // tried again; one that ended stays as it is.
  bool Move(JobState to);
  bool ended() const { return IsTerminal(state); }

  nlohmann::json ToJson() const;
  // An error: it is no such document.
  static Result<JobRecord> FromJson(const nlohmann::json& document);
};

// "album=42, owner=me": of the header Darkroom-Tags. An error says what is wrong with it.
Result<std::map<std::string, std::string>> ParseTags(std::string_view text);

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_JOB_RECORD_H_
