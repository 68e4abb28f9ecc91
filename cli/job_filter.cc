// SPDX-License-Identifier: Apache-2.0

#include "cli/job_filter.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/durable_request.h"
#include "cli/gather.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 6> kStates = {"queued", "running",   "succeeded",
                                                     "failed", "cancelled", "expired"};

}  // namespace

void AddFilterOptions(CLI::App* command, JobFilterArguments* arguments) {
  command->add_option("--state", arguments->state,
                      "Only jobs in this state: queued, running, succeeded, failed, cancelled, "
                      "expired");
  command->add_option("--model", arguments->model, "Only jobs of this model");
  command->add_option("--class", arguments->job_class, "Only interactive, normal or bulk ones");
  command->add_option("--tag", arguments->tags, "Only jobs with this tag: album=42; repeat it")
      ->allow_extra_args(false);
  command->add_option("--since", arguments->since,
                      "Only jobs that changed within this time: 10m, 1h, 30d");
}

Result<JobFilter> JobFilter::Make(const JobFilterArguments& arguments, WallTime now) {
  JobFilter filter{arguments.state, arguments.model, arguments.job_class, {}, {}};
  if (!filter.state.empty() &&
      std::find(kStates.begin(), kStates.end(), filter.state) == kStates.end()) {
    return Status::InvalidArgument(fmt::format("there is no state '{}' of jobs", filter.state),
                                   fmt::format("one of {}", fmt::join(kStates, ", ")));
  }
  if (!filter.job_class.empty()) {
    if (Status status = CheckClass(filter.job_class); !status.ok()) return status;
  }
  Result<Tags> tags = CheckTags(arguments.tags);
  if (!tags.ok()) return tags.status();
  filter.tags.assign(tags->begin(), tags->end());
  if (!arguments.since.empty()) {
    const Result<std::chrono::milliseconds> age = ParseDuration(arguments.since);
    if (!age.ok()) return age.status().Annotated("--since");
    filter.since = now - *age;
  }
  return filter;
}

bool JobFilter::Matches(const json& document) const {
  if (!state.empty() && TextField(document, "state") != state) return false;
  if (!model.empty() && TextField(document, "model") != model) return false;
  if (!job_class.empty() && TextField(document, "class") != job_class) return false;
  const json& have = PartField(document, "tags");
  return std::all_of(tags.begin(), tags.end(), [&have](const auto& tag) {
    return have.is_object() && have.contains(tag.first) &&
           TextField(have, tag.first.c_str()) == tag.second;
  });
}

}  // namespace darkroom
