// SPDX-License-Identifier: Apache-2.0
//
// JobFilter says which jobs a command is about: by state, model, class, tags and age.
//
// A plain value; const members from any thread.

#ifndef DARKROOM_CLI_JOB_FILTER_H_
#define DARKROOM_CLI_JOB_FILTER_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/ago.h"
#include "core/status.h"

namespace CLI {
class App;
}

namespace darkroom {

// As typed.
struct JobFilterArguments {
  std::string state;
  std::string model;
  std::string job_class;
  std::vector<std::string> tags;
  std::string since;
};

void AddFilterOptions(CLI::App* command, JobFilterArguments* arguments);

struct JobFilter {
  std::string state;  // empty: any
  std::string model;
  std::string job_class;
  std::vector<std::pair<std::string, std::string>> tags;
  std::optional<WallTime> since;  // submitted after it, or ended

  static Result<JobFilter> Make(const JobFilterArguments& arguments, WallTime now);

  bool Matches(const nlohmann::json& state_document) const;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_JOB_FILTER_H_
