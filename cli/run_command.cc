// SPDX-License-Identifier: Apache-2.0
//
// darkroom run: one request, its progress and its result.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "cli/claim_check.h"
#include "cli/command.h"
#include "cli/exchange.h"
#include "cli/prepare.h"
#include "cli/result_sink.h"
#include "cli/run_options.h"
#include "durable/names.h"

namespace darkroom {
namespace {

using nlohmann::json;

class Run {
 public:
  Run(const Command& command, RunOptions options)
      : command_(command),
        options_(std::move(options)),
        sink_(command, options_.output, options_.quiet, options_.show),
        previews_(command, options_.preview, options_.show),
        result_(EmptyResult(options_.job, options_.model)) {}

  ExitCode Execute() {
    if (std::optional<Failure> failure = Work()) return Report(command_, *failure, result_);
    return command_.json ? PrintJson(result_) : ExitCode::kOk;
  }

 private:
  std::optional<Failure> Work() {
    Result<RequestParts> parts = ReadParts(options_);
    if (!parts.ok()) return Failure::Local(parts.status());
    if (std::optional<Failure> failure = sink_.Open()) return failure;
    if (std::optional<Failure> failure = previews_.Open()) return failure;
    if (previews_.wanted()) parts->progress = true;  // which they come with
    Outcome<std::unique_ptr<Client>> connected = command_.Connect();
    if (auto* failure = std::get_if<Failure>(&connected)) return std::move(*failure);
    client_ = std::get<std::unique_ptr<Client>>(std::move(connected));
    const Interrupts::Guard guard(command_.interrupts, [this] { client_->Interrupt(); });

    if (auto failure = AskFirst(client_.get(), command_, options_, &sink_, &*parts)) {
      return failure;
    }
    return Send(*std::move(parts));
  }

  std::optional<Failure> Send(RequestParts parts) {
    ExchangeOptions exchange;
    exchange.job = options_.job;
    exchange.timeout = options_.timeout;
    exchange.previews = &previews_;
    exchange.cancel_subject = fmt::format("{}.cancel.{}", command_.prefix, options_.job);
    if (parts.progress) {
      exchange.progress_subject = fmt::format("{}.progress.{}", command_.prefix, options_.job);
    }
    Result<Outgoing> request = BuildRequest(std::move(parts));
    if (!request.ok()) return Failure::Local(request.status());
    if (std::optional<Failure> failure = Stow(&*request)) return failure;
    ProgressBar bar(options_.progress, command_.terminal, options_.label(),
                    std::chrono::steady_clock::now(), WriteError);
    Outcome<Incoming> outcome = Exchange(client_.get(), *request, exchange, &bar);
    if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
    auto& reply = std::get<Incoming>(outcome);
    if (reply.IsNoResponders()) return ExplainNobody(client_.get(), command_, options_);
    if (reply.Header(kObjectHeader)) {
      if (std::optional<Failure> failure = OpenStreams()) return failure;
      if (auto failure = FetchBody(streams_.get(), &reply)) return failure;
    }
    auto failure = sink_.Deliver(reply, &result_);
    if (!failure) ExplainNoPreview();
    return failure;
  }

  void ExplainNoPreview() const {
    if (options_.preview.empty() || previews_.taken() > 0 || options_.quiet) return;
    WriteError(
        "darkroom: --preview: none came; models that show some do so where their params ask for "
        "it, "
        "such as -p previews=5\n");
  }

  std::optional<Failure> OpenStreams() {
    if (streams_ != nullptr) return std::nullopt;
    Outcome<std::unique_ptr<JetStream>> opened = JetStream::Open(client_.get());
    if (auto* failure = std::get_if<Failure>(&opened)) return std::move(*failure);
    streams_ = std::get<std::unique_ptr<JetStream>>(std::move(opened));
    return std::nullopt;
  }

  // What does not fit into a message goes by the object store. Where there is none it stays as it
  // is, and is refused with the limit when it is sent.
  std::optional<Failure> Stow(Outgoing* request) {
    const size_t largest = LargestRequestBody(client_->max_payload());
    if (request->body.size() <= largest) return std::nullopt;
    if (std::optional<Failure> failure = OpenStreams()) return failure;
    auto failure =
        StowBody(streams_.get(), DurableNames(command_.prefix).objects, largest, request);
    const bool none = failure && failure->status.code() == Code::kFailedPrecondition;
    return none ? std::nullopt : failure;
  }

  const Command& command_;
  RunOptions options_;
  ResultSink sink_;
  PreviewSink previews_;
  json result_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<JetStream> streams_;  // where something large is sent or comes
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
  AddRequestOptions(run, arguments);
  run->add_option("--timeout", arguments->timeout,
                  "How long to wait for the reply; the deadline and 2 s if that is given");
  run->add_flag("--show", arguments->show,
                "Show a picture on the terminal, if that can (kitty, iTerm2, WezTerm, ...)");
  run->add_option("--preview", arguments->preview,
                  "A file for the previews of models that show some, each in place of the last");
  run->add_option("--job", arguments->job, "The job's id, instead of one made at random");
  run->add_option("--subject", arguments->subject, "Send to this subject of a route instead");
  run->callback([command, arguments] {
    command->run = [command, arguments] { return RunModel(*command, *arguments); };
  });
}

}  // namespace darkroom
