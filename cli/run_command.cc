// SPDX-License-Identifier: Apache-2.0
//
// darkroom run: one request, its progress and its result.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "cli/catalogue.h"
#include "cli/command.h"
#include "cli/content_type.h"
#include "cli/exchange.h"
#include "cli/gather.h"
#include "cli/output_file.h"
#include "cli/reply.h"
#include "cli/run_options.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

Outcome<Catalogue> AskForModels(Client* client, const Command& command) {
  Outcome<std::vector<json>> hosts = Gather(client, command.ControlSubject("models"));
  if (auto* failure = std::get_if<Failure>(&hosts)) return std::move(*failure);
  return Catalogue(std::get<std::vector<json>>(std::move(hosts)));
}

// Why nobody took the request. The control subject tells a model that is not there from a daemon
// that is not.
Failure ExplainNobody(Client* client, const Command& command, const RunOptions& options) {
  Outcome<Catalogue> models = AskForModels(client, command);
  if (auto* failure = std::get_if<Failure>(&models)) {
    if (failure->exit_code != ExitCode::kCannotConnect) return std::move(*failure);
    return Failure::Unreachable(
        fmt::format("nobody serves {} on {}", options.label(), client->url()),
        "is darkroomd running? try: darkroom models");
  }
  return std::get<Catalogue>(models).NobodyServes(options.model, options.subject, client->url());
}

class Run {
 public:
  Run(const Command& command, RunOptions options)
      : command_(command), options_(std::move(options)), result_(EmptyResult()) {}

  ExitCode Execute() {
    if (std::optional<Failure> failure = Work()) return Report(command_, *failure, result_);
    return command_.json ? PrintJson(result_) : ExitCode::kOk;
  }

 private:
  json EmptyResult() const {
    return {{"job", options_.job},
            {"model", options_.model.empty() ? json() : json(options_.model)},
            {"output", nullptr},
            {"bytes", nullptr},
            {"content_type", nullptr},
            {"receipt", nullptr}};
  }

  std::optional<Failure> Work() {
    RequestParts parts;
    for (const InputArgument& argument : options_.inputs) {
      Result<Input> input = ReadInput(argument);
      if (!input.ok()) return Failure::Local(input.status());
      parts.inputs.push_back(*std::move(input));
    }
    if (!options_.output.empty() && options_.output != "-") {
      Result<std::unique_ptr<OutputFile>> file = OutputFile::Open(options_.output);
      if (!file.ok()) return Failure::Local(file.status());
      file_ = *std::move(file);
    }
    Outcome<std::unique_ptr<Client>> connected = command_.Connect();
    if (auto* failure = std::get_if<Failure>(&connected)) return std::move(*failure);
    client_ = std::get<std::unique_ptr<Client>>(std::move(connected));
    const Interrupts::Guard guard(command_.interrupts, [this] { client_->Interrupt(); });

    if (std::optional<Failure> failure = AskFirst(&parts)) return failure;
    return Send(std::move(parts));
  }

  // What only the model itself can say: the name of its first input, and whether its reply suits a
  // terminal.
  std::optional<Failure> AskFirst(RequestParts* parts) {
    const bool needs_name = NeedsFirstName(options_.inputs);
    const bool needs_form = !MayShowBytes() && options_.accept.empty();
    if (!needs_name && !needs_form) return CheckForm(options_.accept);
    Outcome<Catalogue> models = AskForModels(client_.get(), command_);
    if (auto* failure = std::get_if<Failure>(&models)) {
      return needs_name ? std::optional(std::move(*failure)) : std::nullopt;
    }
    const auto& catalogue = std::get<Catalogue>(models);
    const json* model = options_.model.empty() ? catalogue.FindBySubject(options_.subject)
                                               : catalogue.Find(options_.model);
    if (model == nullptr) {
      if (!needs_name) return std::nullopt;  // the request itself will tell
      return catalogue.NobodyServes(options_.model, options_.subject, client_->url());
    }
    if (needs_name) {
      parts->first_name = FirstInputName(*model);
      if (parts->first_name.empty()) {
        return Failure::Local(Status::InvalidArgument(
            fmt::format("{} does not say what its first input is called", options_.label()),
            "name the inputs: -i NAME=@FILE"));
      }
    }
    if (needs_form) {
      if (const auto what = UnreadableReply(*model); !what.empty()) return RefuseBytes(what);
    }
    return CheckForm(options_.accept);
  }

  // Whether bytes that are no text may go where the result goes.
  bool MayShowBytes() const {
    return !options_.output.empty() || (!command_.json && !command_.terminal.output);
  }

  std::optional<Failure> CheckForm(std::string_view accept) const {
    const std::string type = MediaType(accept);
    const bool bytes = type.starts_with("image/") || type == "application/octet-stream" ||
                       type == "application/cbor";
    if (MayShowBytes() || !bytes) return std::nullopt;
    return RefuseBytes(type);
  }

  Failure RefuseBytes(std::string_view what) const {
    return Failure::Local(Status::InvalidArgument(
        fmt::format("the result is {}, which {} cannot hold", what,
                    command_.json ? "the JSON object of --json" : "a terminal"),
        command_.json ? "write it to a file: -o FILE"
                      : "write it to a file (-o FILE) or into a pipe (| other-program)"));
  }

  std::optional<Failure> Send(RequestParts parts) {
    parts.subject = options_.subject;
    parts.job = options_.job;
    parts.params = options_.params;
    parts.accept = options_.accept;
    parts.deadline = options_.deadline;
    parts.progress = options_.progress != ProgressMode::kNone;
    ExchangeOptions exchange;
    exchange.job = options_.job;
    exchange.timeout = options_.timeout;
    if (parts.progress) {
      exchange.progress_subject = fmt::format("{}.progress.{}", command_.prefix, options_.job);
    }
    const Result<Outgoing> request = BuildRequest(std::move(parts));
    if (!request.ok()) return Failure::Local(request.status());
    ProgressBar bar(options_.progress, command_.terminal, options_.label(),
                    std::chrono::steady_clock::now(), WriteError);
    Outcome<Incoming> outcome = Exchange(client_.get(), *request, exchange, &bar);
    if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
    const auto& reply = std::get<Incoming>(outcome);
    if (reply.IsNoResponders()) return ExplainNobody(client_.get(), command_, options_);
    return Deliver(reply);
  }

  std::optional<Failure> Deliver(const Incoming& reply) {
    result_["receipt"] = ReceiptOf(reply);
    if (const auto job = reply.Header("Darkroom-Job")) result_["job"] = *job;
    if (const auto model = reply.Header("Darkroom-Model")) result_["model"] = *model;
    if (std::optional<Status> error = ErrorOf(reply)) return Refused(*std::move(error));

    const std::string content_type =
        reply.Header("Content-Type").value_or("application/octet-stream");
    result_["bytes"] = reply.body().size();
    result_["content_type"] = content_type;
    if (file_ != nullptr) {
      const Status status = file_->Commit(reply.body());
      if (!status.ok()) return Failure::Local(status);
      result_["output"] = options_.output;
      if (!options_.quiet && !command_.json) {
        WriteError(fmt::format("{}: {}\n", Printable(options_.output),
                               Summary(reply.body().size(), content_type,
                                       TextField(result_, "model"), result_["receipt"])));
      }
      return std::nullopt;
    }
    return Show(reply.body(), MediaType(content_type));
  }

  // Without a file: into the JSON object, onto the terminal, or into the pipe.
  std::optional<Failure> Show(std::string_view body, const std::string& type) {
    if (!MayShowBytes() && !IsText(type)) return RefuseBytes(type);
    if (command_.json) {
      Result<json> value = IsJson(type) ? ParseJson(body) : Result<json>(json(std::string(body)));
      if (!value.ok()) return Failure::Remote(value.status().Annotated("the daemon's reply"));
      result_["result"] = *std::move(value);
      return std::nullopt;
    }
    Status status;
    if (command_.terminal.output && options_.output.empty()) {
      const std::string text = PrintableLines(body);
      status = WriteOutput(text.ends_with('\n') ? text : text + "\n");
    } else {
      status = WriteOutput(body);
    }
    if (!status.ok()) return Failure::Local(status);
    return std::nullopt;
  }

  Failure Refused(Status error) const {
    if (error.hint().empty() && error.code() == Code::kInvalidArgument && !options_.model.empty()) {
      error = Status::InvalidArgument(
          error.message(), "its inputs and parameters: darkroom models " + options_.model);
    }
    return Failure::Remote(std::move(error));
  }

  const Command& command_;
  RunOptions options_;
  json result_;
  std::unique_ptr<OutputFile> file_;
  std::unique_ptr<Client> client_;
};

ExitCode RunModel(const Command& command, const RunArguments& arguments) {
  Result<RunOptions> options =
      CheckRunArguments(arguments, command.prefix, command.terminal, command.json);
  if (!options.ok()) {
    return Report(command, Failure::Local(options.status()), json::object());
  }
  return Run(command, *std::move(options)).Execute();
}

}  // namespace

void AddRunCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* run = app->add_subcommand("run", "Run a model on inputs and wait for the result");
  run->add_option("MODEL", arguments->model, "The model's name; may be left out with --subject");
  run->add_option(
         "-i,--input", arguments->inputs,
         "An input: FILE or - for the first one, NAME=@FILE or NAME=TEXT for any; repeat it "
         "for further ones")
      ->allow_extra_args(false);
  run->add_option(
         "-p,--param", arguments->params,
         "A parameter, key=value; numbers, true, false, null, arrays and objects as JSON, all "
         "else is text")
      ->allow_extra_args(false);
  run->add_option("--params", arguments->params_json, "Parameters as one JSON object, or @FILE");
  run->add_option(
      "-o,--output", arguments->output,
      "Where the result goes: a file, whose extension chooses the form, or - for standard "
      "output");
  run->add_option("--accept", arguments->accept,
                  "The form of the result: png, jpg, webp, json, cbor, txt, bin, or a media type");
  run->add_option("--deadline", arguments->deadline,
                  "How long the result is wanted (500ms, 30s, 10m): later the job is dropped");
  run->add_option("--timeout", arguments->timeout,
                  "How long to wait for the reply; the deadline and 2 s if that is given");
  run->add_option("--job", arguments->job, "The job's id, instead of one made at random");
  run->add_option("--subject", arguments->subject, "Send to this subject of a route instead");
  run->add_option("--progress", arguments->progress, "auto, bar, plain or none")
      ->capture_default_str();
  run->add_flag_callback(
      "--no-progress", [arguments] { arguments->progress = "none"; },
      "The same as --progress=none");
  run->add_flag("-q,--quiet", arguments->quiet, "No progress, and no line about the written file");
  run->callback([command, arguments] {
    command->run = [command, arguments] { return RunModel(*command, *arguments); };
  });
}

}  // namespace darkroom
