// SPDX-License-Identifier: Apache-2.0

#include "cli/submit_options.h"

#include <fmt/format.h>

#include <utility>

#include "core/units.h"

namespace darkroom {

Result<SubmitOptions> CheckSubmitArguments(const SubmitArguments& arguments,
                                           const std::string& prefix, const Terminal& terminal,
                                           bool json) {
  SubmitOptions options;
  options.wait = arguments.wait;
  options.force = arguments.force;
  if (!arguments.wait && !arguments.request->output.empty()) {
    return Status::InvalidArgument("-o needs --wait: without it the result is not there yet",
                                   "later it is: darkroom jobs result ID -o FILE");
  }
  if (!arguments.wait && !arguments.timeout.empty()) {
    return Status::InvalidArgument("--timeout says how long to wait, and needs --wait",
                                   "--deadline says how long the job is wanted");
  }
  Result<RunOptions> request = CheckRunArguments(*arguments.request, prefix, terminal, json);
  if (!request.ok()) return request.status();
  options.request = *std::move(request);
  if (!arguments.wait) options.request.progress = ProgressMode::kNone;
  // A durable job is waited for as long as it takes: it may wait for a host for hours.
  options.request.timeout.reset();
  if (!arguments.timeout.empty()) {
    const Result<std::chrono::milliseconds> timeout = ParseDuration(arguments.timeout);
    if (!timeout.ok()) return timeout.status().Annotated("--timeout");
    options.request.timeout = *timeout;
  }
  Status status = CheckClass(arguments.job_class);
  if (!status.ok()) return status;
  if (!arguments.reply_to.empty() && !IsConcreteSubject(arguments.reply_to)) {
    return Status::InvalidArgument(
        fmt::format("--reply-to '{}' is no subject that can be published to", arguments.reply_to),
        "words joined by dots, without wildcards and spaces");
  }
  Result<Tags> tags = CheckTags(arguments.tags);
  if (!tags.ok()) return tags.status();
  options.job = {options.request.job, options.request.model, arguments.job_class,
                 arguments.reply_to, *std::move(tags)};
  return options;
}

}  // namespace darkroom
