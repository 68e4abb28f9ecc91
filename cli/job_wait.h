// SPDX-License-Identifier: Apache-2.0
//
// JobWait waits for the end of one durable job, and shows its progress meanwhile. It hears of both
// by messages, so that nothing is asked again and again.
//
// One thread; the client's. One at a time.

#ifndef DARKROOM_CLI_JOB_WAIT_H_
#define DARKROOM_CLI_JOB_WAIT_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/job_store.h"
#include "cli/progress_bar.h"

namespace darkroom {

class JobWait {
 public:
  // All outlive this. `prefix` is that of the subjects.
  JobWait(Client* client, JobStore* store, ProgressBar* bar)
      : client_(*client), store_(*store), bar_(*bar) {}
  ~JobWait();
  JobWait(const JobWait&) = delete;
  JobWait& operator=(const JobWait&) = delete;

  // Begins to listen: before the job is submitted, where this command does so.
  std::optional<Failure> Listen(const std::string& job, bool progress);

  // The state in which it ended. Without a timeout it waits as long as it takes.
  Outcome<nlohmann::json> ForEnd(std::optional<std::chrono::milliseconds> timeout);

 private:
  void OnProgress(const Incoming& message);
  void OnState(const nlohmann::json& state);
  void Notice(std::string_view text);

  Client& client_;
  JobStore& store_;
  ProgressBar& bar_;
  std::string job_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_JOB_WAIT_H_
