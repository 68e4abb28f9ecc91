// SPDX-License-Identifier: Apache-2.0
//
// The jobs that a plugin is tried with, made from what its manifest says of its inputs: one of
// usual size, the smallest, an empty one, one without what is optional.
//
// Pure, safe from any thread.

#ifndef DARKROOM_CLI_TRIAL_JOBS_H_
#define DARKROOM_CLI_TRIAL_JOBS_H_

#include <string>
#include <vector>

#include "core/model_info.h"

namespace darkroom {

struct TrialInput {
  std::string name;
  std::string content_type;
  std::string bytes;

  bool operator==(const TrialInput&) const = default;
};

struct TrialJob {
  std::string name;  // what is in it: "image 64x48", "data 0 bytes", "no inputs"
  std::vector<TrialInput> inputs;
};

struct TrialJobs {
  std::vector<TrialJob> jobs;      // no two alike; the first is the usual one
  std::vector<std::string> notes;  // what was left out, and why
};

TrialJobs MakeTrialJobs(const ModelInfo& info);

}  // namespace darkroom

#endif  // DARKROOM_CLI_TRIAL_JOBS_H_
