// SPDX-License-Identifier: Apache-2.0

#include "cli/run_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/content_type.h"
#include "cli/params.h"
#include "cli/request.h"
#include "core/units.h"

namespace darkroom {
namespace {

// After the deadline the daemon still has to say that it has passed.
constexpr std::chrono::seconds kGrace{2};

Status SetTarget(const RunArguments& arguments, const std::string& prefix, RunOptions* options) {
  if (arguments.model.empty() && arguments.subject.empty()) {
    return Status::InvalidArgument(
        "which model is to run?",
        "darkroom run MODEL -i FILE; models are listed by: darkroom models");
  }
  if (!arguments.model.empty() && !IsToken(arguments.model)) {
    return Status::InvalidArgument(fmt::format("'{}' cannot be a model's name", arguments.model),
                                   "names have letters, digits, '-' and '_'");
  }
  if (!arguments.subject.empty() && !IsConcreteSubject(arguments.subject)) {
    return Status::InvalidArgument(
        fmt::format("'{}' is no subject that a request can be sent to", arguments.subject),
        "words joined by dots, without wildcards and spaces");
  }
  options->model = arguments.model;
  options->subject = arguments.subject.empty() ? fmt::format("{}.run.{}", prefix, arguments.model)
                                               : arguments.subject;
  return {};
}

Status SetTimes(const RunArguments& arguments, RunOptions* options) {
  const auto parse = [](const std::string& text, const char* option,
                        std::optional<std::chrono::milliseconds>* out) {
    if (text.empty()) return Status::Ok();
    const Result<std::chrono::milliseconds> time = ParseDuration(text);
    if (!time.ok()) return time.status().Annotated(option);
    if (time->count() <= 0) {
      return Status::InvalidArgument(fmt::format("{} must be longer than nothing", option));
    }
    *out = *time;
    return Status::Ok();
  };
  if (Status status = parse(arguments.deadline, "--deadline", &options->deadline); !status.ok()) {
    return status;
  }
  if (Status status = parse(arguments.timeout, "--timeout", &options->timeout); !status.ok()) {
    return status;
  }
  // Who stops waiting should not leave a device working, and who sets a deadline means the reply.
  if (!options->deadline) options->deadline = options->timeout;
  if (!options->timeout && options->deadline) options->timeout = *options->deadline + kGrace;
  return {};
}

Status SetReply(const RunArguments& arguments, bool json, RunOptions* options) {
  options->output = arguments.output;
  if (json && arguments.output == "-") {
    return Status::InvalidArgument("-o - and --json both want standard output",
                                   "give the result a file: -o FILE");
  }
  if (arguments.show && (json || arguments.output == "-")) {
    return Status::InvalidArgument(
        fmt::format("--show and {} both want standard output", json ? "--json" : "-o -"),
        "leave one of them out");
  }
  options->preview = arguments.preview;
  if (arguments.preview == "-") {
    return Status::InvalidArgument("--preview - cannot be told from the result",
                                   "name a file: --preview FILE.jpg");
  }
  if (!arguments.preview.empty() && arguments.preview == arguments.output) {
    return Status::InvalidArgument(
        fmt::format("--preview and -o are both to be written to '{}'", arguments.output),
        "give each a file of its own");
  }
  if (arguments.accept.empty()) {
    options->accept = AcceptForPath(arguments.output);
    return {};
  }
  Result<std::string> accept = AcceptForWord(arguments.accept);
  if (!accept.ok()) return accept.status();
  options->accept = *std::move(accept);
  return {};
}

}  // namespace

void AddRequestOptions(CLI::App* command, const std::shared_ptr<RunArguments>& arguments) {
  command
      ->add_option(
          "-i,--input", arguments->inputs,
          "An input: FILE or - for the first one, NAME=@FILE or NAME=TEXT for any; repeat it "
          "for further ones")
      ->allow_extra_args(false);
  command
      ->add_option(
          "-p,--param", arguments->params,
          "A parameter, key=value; numbers, true, false, null, arrays and objects as JSON, all "
          "else is text")
      ->allow_extra_args(false);
  command->add_option("--params", arguments->params_json,
                      "Parameters as one JSON object, or @FILE");
  command->add_option(
      "-o,--output", arguments->output,
      "Where the result goes: a file, whose extension chooses the form, or - for standard "
      "output");
  command->add_option(
      "--accept", arguments->accept,
      "The form of the result: png, jpg, webp, json, cbor, txt, bin, or a media type");
  command->add_option("--deadline", arguments->deadline,
                      "How long the result is wanted (500ms, 30s, 10m): later the job is dropped");
  command->add_option("--progress", arguments->progress, "auto, bar, plain or none")
      ->capture_default_str();
  command->add_flag_callback(
      "--no-progress", [arguments] { arguments->progress = "none"; },
      "The same as --progress=none");
  command->add_flag("-q,--quiet", arguments->quiet,
                    "No progress, and no line about the written file");
}

Result<ProgressMode> ParseProgressMode(const std::string& word, const Terminal& terminal,
                                       bool silent) {
  if (word == "none") return ProgressMode::kNone;
  if (word == "plain") return ProgressMode::kPlain;
  if (word == "bar") return ProgressMode::kBar;
  if (word == "auto") return terminal.error && !silent ? ProgressMode::kBar : ProgressMode::kNone;
  return Status::InvalidArgument(fmt::format("--progress {}: no such way to show it", word),
                                 "one of auto, bar, plain, none");
}

Result<RunOptions> CheckRunArguments(const RunArguments& arguments, const std::string& prefix,
                                     const Terminal& terminal, bool json) {
  RunOptions options;
  options.quiet = arguments.quiet;
  options.show = arguments.show;
  Status status = SetTarget(arguments, prefix, &options);
  if (status.ok()) status = SetTimes(arguments, &options);
  if (status.ok()) {
    const Result<ProgressMode> mode =
        ParseProgressMode(arguments.progress, terminal, json || arguments.quiet);
    status = mode.status();
    if (mode.ok()) options.progress = *mode;
  }
  if (status.ok()) status = SetReply(arguments, json, &options);
  if (!status.ok()) return status;

  Result<std::vector<InputArgument>> inputs = ParseInputs(arguments.inputs);
  if (!inputs.ok()) return inputs.status();
  options.inputs = *std::move(inputs);
  Result<nlohmann::json> params = ParseParams(arguments.params, arguments.params_json);
  if (!params.ok()) return params.status();
  options.params = *std::move(params);

  if (arguments.job.empty()) {
    Result<std::string> job = MakeJobId();
    if (!job.ok()) return job.status();
    options.job = *std::move(job);
  } else if (IsJobId(arguments.job)) {
    options.job = arguments.job;
  } else {
    return Status::InvalidArgument(fmt::format("'{}' cannot be a job's id", arguments.job),
                                   "1 to 64 letters, digits, '-' and '_'");
  }
  return options;
}

}  // namespace darkroom
