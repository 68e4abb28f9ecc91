// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs replay: runs a job that succeeded once more, with the very params that its receipt
// has, and says whether the same bytes come of it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/gather.h"
#include "cli/job_end.h"
#include "cli/job_session.h"
#include "cli/job_wait.h"
#include "cli/jobs_command.h"
#include "cli/kept_job.h"
#include "cli/reply.h"
#include "cli/result_compare.h"
#include "cli/run_options.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr const char* kTag = "replay-of";
constexpr size_t kMostTags = 16;

// The job again under the id `again`. Nobody but us waits for the reply, and it is late by design.
Outgoing ReplayOf(const KeptJob& kept, const json& state, const std::string& again,
                  const DurableNames& names) {
  DurableParts parts{again, kept.model, kept.job_class, {}, TagsOf(kept)};
  parts.tags[kTag] = kept.id;
  while (parts.tags.size() > kMostTags) {
    parts.tags.erase(parts.tags.begin()->first == kTag ? std::next(parts.tags.begin())
                                                       : parts.tags.begin());
  }
  Outgoing job =
      CopyOfJob(kept.message.Headers(), std::string(kept.message.body()), parts, {}, names);
  SetHeader(&job.headers, "Darkroom-Deadline", {});
  SetHeader(&job.headers, "Darkroom-Progress", "1");
  const json& receipt = PartField(state, "receipt");
  const auto params = receipt.is_object() ? receipt.find("params") : receipt.end();
  if (receipt.is_object() && params != receipt.end() && params->is_object()) {
    json complete = *params;
    // A seed that the plugin chose is no parameter that was given, and yet decides.
    if (receipt.contains("seed") && !receipt["seed"].is_null() && !complete.contains("seed")) {
      complete["seed"] = receipt["seed"];
    }
    SetHeader(&job.headers, "Darkroom-Params", complete.dump(-1, ' ', true));
  }
  return job;
}

class Replay {
 public:
  Replay(const Command& command, JobSession& session, ProgressMode mode, std::string id)
      : command_(command),
        session_(session),
        store_(session.store()),
        id_(std::move(id)),
        bar_(mode, command.terminal, "replay of " + id_, std::chrono::steady_clock::now(),
             WriteError) {}

  std::optional<Failure> Work(json* result) {
    Outcome<json> found = store_.State(id_);
    if (auto* failure = std::get_if<Failure>(&found)) return std::move(*failure);
    const auto& state = std::get<json>(found);
    if (TextField(state, "state") != "succeeded") {
      return Failure::Local(Status::FailedPrecondition(
          fmt::format("job {} is {}: there is no result to compare with", id_,
                      TextField(state, "state")),
          "only jobs that succeeded can be replayed; others: darkroom jobs retry " + id_));
    }
    Outcome<Incoming> first = FetchReply(&store_, state);
    if (auto* failure = std::get_if<Failure>(&first)) return std::move(*failure);
    Outcome<KeptJob> kept = FindRequest(&store_, id_);
    if (auto* failure = std::get_if<Failure>(&kept)) return std::move(*failure);
    Result<std::string> again = MakeJobId();
    if (!again.ok()) return Failure::Local(again.status());
    (*result)["replay"] = *again;
    Outcome<json> end = Run(std::get<KeptJob>(kept), state, *again);
    if (auto* failure = std::get_if<Failure>(&end)) return std::move(*failure);
    Outcome<Incoming> second = FetchReply(&store_, std::get<json>(end));
    if (auto* failure = std::get_if<Failure>(&second)) return std::move(*failure);
    return Compare(std::get<Incoming>(first), std::get<Incoming>(second), result);
  }

 private:
  Outcome<json> Run(const KeptJob& kept, const json& state, const std::string& again) {
    JobWait wait(&session_.client(), &store_, &bar_);
    if (std::optional<Failure> failure = wait.Listen(again, true)) return std::move(*failure);
    Outcome<JetStream::Stored> stored = store_.Submit(ReplayOf(kept, state, again, store_.names()));
    if (auto* failure = std::get_if<Failure>(&stored)) return std::move(*failure);
    return wait.ForEnd({});
  }

  std::optional<Failure> Compare(const Incoming& first, const Incoming& second, json* result) {
    if (std::optional<Status> error = ErrorOf(second)) {
      return Failure::Remote(error->Annotated("the replay failed"));
    }
    const auto facts = [](const Incoming& reply) {
      return ResultFacts(reply.body(), reply.Header("Content-Type").value_or(""));
    };
    const json one = facts(first);
    const json other = facts(second);
    const bool equal = SameResult(first.body(), second.body(), TextField(one, "content_type"));
    result->update({{"equal", equal}, {"original", one}, {"replayed", other}});
    if (!command_.json) Tell(equal, one, other);
    if (equal) return std::nullopt;
    return Failure{ExitCode::kJobFailed,
                   Status::Internal("the replay's result differs from that of job " + id_,
                                    Difference(first, second))};
  }

  static void Tell(bool equal, const json& one, const json& other) {
    const auto facts = [](const json& what) {
      return fmt::format("{} (sha256:{})", FormatSize(CountField(what, "bytes")),
                         TextField(what, "sha256"));
    };
    PrintText(
        equal ? fmt::format("equal: {}\n", facts(one))
              : fmt::format("different\n  before  {}\n  now     {}\n", facts(one), facts(other)));
  }

  // What the receipts say might be the reason.
  static std::string Difference(const Incoming& first, const Incoming& second) {
    const json before = ReceiptOf(first);
    const json now = ReceiptOf(second);
    std::string text;
    for (const char* name : {"plugin", "weights", "device", "host"}) {
      if (before[name] == now[name] || now[name].is_null()) continue;
      text += fmt::format("{}the {} was {} and is {}", text.empty() ? "" : "; ", name,
                          before[name].is_null() ? "unknown" : TextField(before, name),
                          TextField(now, name));
    }
    return text.empty() ? "plugin, weights and device are the same: the plugin itself may not "
                          "give the same bytes twice"
                        : text;
  }

  const Command& command_;
  JobSession& session_;
  JobStore& store_;
  const std::string id_;
  ProgressBar bar_;
};

ExitCode ReplayJob(const Command& command, const std::string& id) {
  const json empty = {{"job", id},
                      {"replay", nullptr},
                      {"equal", nullptr},
                      {"original", nullptr},
                      {"replayed", nullptr}};
  const Result<ProgressMode> mode = ParseProgressMode("auto", command.terminal, command.json);
  return InSession(command, empty, [&](JobSession& session, json* result) {
    return Replay(command, session, *mode, id).Work(result);
  });
}

}  // namespace

void AddJobsReplay(CLI::App* jobs, Command* command) {
  auto id = std::make_shared<std::string>();
  CLI::App* replay = jobs->add_subcommand(
      "replay", "Run a job once more with the params of its receipt, and compare the results");
  replay->add_option("ID", *id, "The job's id")->required();
  replay->callback(
      [command, id] { command->run = [command, id] { return ReplayJob(*command, *id); }; });
}

}  // namespace darkroom
