// SPDX-License-Identifier: Apache-2.0
//
// darkroom submit: one durable job, and with --wait its result.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/job_end.h"
#include "cli/job_wait.h"
#include "cli/prepare.h"
#include "cli/result_sink.h"
#include "cli/submit_options.h"

namespace darkroom {
namespace {

using nlohmann::json;

class Submission {
 public:
  Submission(const Command& command, SubmitOptions options)
      : command_(command),
        options_(std::move(options)),
        sink_(command, options_.request.output, options_.request.quiet),
        bar_(options_.request.progress, command.terminal, options_.job.model,
             std::chrono::steady_clock::now(), WriteError) {
    if (options_.wait) result_ = EmptyResult(options_.job.id, options_.job.model);
    result_["job"] = options_.job.id;
    result_["model"] = options_.job.model;
    result_["class"] = options_.job.job_class;
    result_["duplicate"] = nullptr;
    result_["sequence"] = nullptr;
  }

  ExitCode Execute() {
    if (std::optional<Failure> failure = Work()) return Report(command_, *failure, result_);
    return command_.json ? PrintJson(result_) : ExitCode::kOk;
  }

 private:
  std::optional<Failure> Work() {
    Result<RequestParts> parts = ReadParts(options_.request);
    if (!parts.ok()) return Failure::Local(parts.status());
    if (std::optional<Failure> failure = sink_.Open()) return failure;
    Outcome<std::unique_ptr<Client>> connected = command_.Connect();
    if (auto* failure = std::get_if<Failure>(&connected)) return std::move(*failure);
    client_ = std::get<std::unique_ptr<Client>>(std::move(connected));
    const Interrupts::Guard guard(command_.interrupts, [this] { client_->Interrupt(); });
    Outcome<std::unique_ptr<JobStore>> store = JobStore::Open(client_.get(), command_.prefix);
    if (auto* failure = std::get_if<Failure>(&store)) return std::move(*failure);
    store_ = std::get<std::unique_ptr<JobStore>>(std::move(store));

    if (std::optional<Failure> failure = CheckModel()) return failure;
    const ResultSink* const sink = options_.wait ? &sink_ : nullptr;
    if (auto failure = AskFirst(client_.get(), command_, options_.request, sink, &*parts)) {
      return failure;
    }
    Result<Outgoing> request = BuildRequest(*std::move(parts));
    if (!request.ok()) return Failure::Local(request.status());
    return Send(MakeDurable(*std::move(request), options_.job, store_->names()));
  }

  // A job of a model that nobody ever served would wait for ever.
  std::optional<Failure> CheckModel() {
    if (options_.force) return std::nullopt;
    Outcome<bool> known = store_->Knows(options_.job.job_class, options_.job.model);
    if (auto* failure = std::get_if<Failure>(&known)) return std::move(*failure);
    if (std::get<bool>(known)) return std::nullopt;
    Failure failure = ExplainNobody(client_.get(), command_, options_.request);
    const Status& why = failure.status;
    return Failure::Local(
        Status::NotFound(why.message(), fmt::format("{}{}submit it all the same: --force",
                                                    why.hint(), why.hint().empty() ? "" : "; ")));
  }

  std::optional<Failure> Send(Outgoing job) {
    JobWait wait(client_.get(), store_.get(), &bar_);
    if (options_.wait) {
      const bool progress = options_.request.progress != ProgressMode::kNone;
      if (std::optional<Failure> failure = wait.Listen(options_.job.id, progress)) return failure;
    }
    Outcome<JetStream::Stored> stored = store_->Submit(std::move(job));
    if (auto* failure = std::get_if<Failure>(&stored)) return std::move(*failure);
    const auto& accepted = std::get<JetStream::Stored>(stored);
    result_["duplicate"] = accepted.duplicate;
    result_["sequence"] = accepted.sequence;
    if (accepted.duplicate) {
      WriteError(fmt::format("darkroom: job {} was submitted before\n", options_.job.id));
    }
    if (!options_.wait) {
      return command_.json || PrintText(options_.job.id + "\n") == ExitCode::kOk
                 ? std::nullopt
                 : std::optional(Failure::Local(Status::Internal("cannot write the job's id")));
    }
    Outcome<json> end = wait.ForEnd(options_.request.timeout);
    if (auto* failure = std::get_if<Failure>(&end)) return std::move(*failure);
    return DeliverEnd(store_.get(), std::get<json>(end), &sink_, &result_);
  }

  const Command& command_;
  SubmitOptions options_;
  ResultSink sink_;
  ProgressBar bar_;
  json result_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<JobStore> store_;
};

ExitCode Submit(const Command& command, const SubmitArguments& arguments) {
  Result<SubmitOptions> options =
      CheckSubmitArguments(arguments, command.prefix, command.terminal, command.json);
  if (!options.ok()) {
    return Report(command, Failure::Local(options.status()), json::object());
  }
  return Submission(command, *std::move(options)).Execute();
}

}  // namespace

void AddSubmitCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<SubmitArguments>();
  CLI::App* submit = app->add_subcommand(
      "submit", "Give a job to the server, which keeps it until a daemon has run it");
  submit->add_option("MODEL", arguments->request->model, "The model's name")->required();
  AddRequestOptions(submit, arguments->request);
  submit->add_option("--class", arguments->job_class, "interactive, normal or bulk")
      ->capture_default_str();
  submit->add_option("--id,--job", arguments->request->job,
                     "The job's id, instead of one made at random; the same id twice is one job");
  submit->add_option("--tag", arguments->tags, "A tag that its state keeps: album=42; repeat it")
      ->allow_extra_args(false);
  submit->add_option("--reply-to", arguments->reply_to,
                     "A subject that the reply is published to as well");
  submit->add_flag("--wait", arguments->wait, "Wait for the end, and write the result");
  submit->add_option("--timeout", arguments->timeout, "How long to wait; the job goes on then");
  submit->add_flag("--force", arguments->force, "Also where no daemon serves the model");
  submit->callback([command, arguments] {
    command->run = [command, arguments] { return Submit(*command, *arguments); };
  });
}

}  // namespace darkroom
