// SPDX-License-Identifier: Apache-2.0
//
// BatchRun submits the jobs of a batch, so many at a time, follows their states as they change, and
// writes the results. What an earlier run of the same file has done is not done again.
//
// One thread; the client's.

#ifndef DARKROOM_CLI_BATCH_RUN_H_
#define DARKROOM_CLI_BATCH_RUN_H_

#include <chrono>
#include <optional>
#include <string>

#include "cli/batch_file.h"
#include "cli/batch_output.h"
#include "cli/batch_tally.h"
#include "cli/job_session.h"
#include "cli/progress_bar.h"

namespace darkroom {

struct BatchOptions {
  size_t concurrency = 50;  // jobs that are unfinished at once
  bool retry_failed = false;
};

class BatchRun {
 public:
  // All outlive this.
  BatchRun(JobSession* session, BatchFile* file, const BatchOutput* output, BatchOptions options,
           ProgressBar* bar)
      : session_(*session),
        store_(session->store()),
        file_(*file),
        output_(*output),
        options_(options),
        bar_(*bar),
        tally_(*file) {}

  // Until all jobs have ended. A failure is of the whole, not of a job.
  std::optional<Failure> Work();

  const BatchTally& tally() const { return tally_; }

 private:
  std::optional<Failure> ReadPast();
  std::optional<Failure> WritePast();
  std::optional<Failure> SubmitOne(size_t line);
  std::optional<Failure> Follow();
  // A problem of this line alone is noted; what ends the whole is returned.
  std::optional<Failure> WriteResult(size_t line, const nlohmann::json& state);
  void ForgetDeadLetter(const std::string& job);
  void Refuse(size_t line, const Status& why);
  void ShowProgress();

  JobSession& session_;
  JobStore& store_;
  BatchFile& file_;
  const BatchOutput& output_;
  const BatchOptions options_;
  ProgressBar& bar_;
  BatchTally tally_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_BATCH_RUN_H_
