// SPDX-License-Identifier: Apache-2.0
//
// KeptJob is a job that ended, as the server keeps it to be run again: a dead letter, or a copy of
// its request.
//
// Move-only values. One thread; the store's.

#ifndef DARKROOM_CLI_KEPT_JOB_H_
#define DARKROOM_CLI_KEPT_JOB_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/durable_request.h"
#include "cli/job_store.h"

namespace darkroom {

struct KeptJob {
  std::string id;
  std::string model;
  std::string job_class;
  Incoming message;  // its headers and body, and some of the daemon's
  bool dead = false;
};

// Its dead letter, else its request. Not found says which of them could be there.
Outcome<KeptJob> FindKeptJob(JobStore* store, const std::string& id);
Outcome<KeptJob> FindRequest(JobStore* store, const std::string& id);
Outcome<KeptJob> FindDeadLetter(JobStore* store, const std::string& id);

// What a dead letter says of itself: {"id", "class", "model", ...}, with "sequence" and "bytes".
// Where its header is none of a daemon's, what the message itself tells.
nlohmann::json DeadLetterOf(const Incoming& message);

// Submits it under a new id, which is returned, and removes the dead letter.
Outcome<std::string> RetryJob(JobStore* store, KeptJob job);

// The tags that the job was submitted with; what is wrong among them is left out.
Tags TagsOf(const KeptJob& job);

}  // namespace darkroom

#endif  // DARKROOM_CLI_KEPT_JOB_H_
