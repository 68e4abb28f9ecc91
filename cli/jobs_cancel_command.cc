// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs cancel: asks the daemons to stop jobs, all at once, and says how each ended.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>
#include <utility>

#include "cli/gather.h"
#include "cli/jobs_command.h"
#include "cli/reply.h"
#include "cli/request.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int kFirst = 1;  // and one number for each job
// A host that runs the job may need a moment to stop it, and nobody says at once that he has not
// got it.
constexpr std::chrono::seconds kPatience{15};

class Cancelling {
 public:
  Cancelling(const Command& command, const std::vector<std::string>& ids)
      : command_(command), ids_(ids) {}

  std::optional<Failure> Work(Client* client, json* result) {
    std::set<int> missing;
    for (size_t i = 0; i < ids_.size(); ++i) {
      const int number = kFirst + static_cast<int>(i);
      Result<std::string> inbox = client->MakeInbox();
      if (!inbox.ok()) return Failure::Local(inbox.status());
      Status status = client->Subscribe(*inbox, number);
      const std::string subject = fmt::format("{}.cancel.{}", command_.prefix, ids_[i]);
      if (status.ok()) status = client->Send({subject, {}, {}}, *inbox);
      if (!status.ok()) return Failure::Unreachable(status.message(), "try again");
      missing.insert(number);
    }
    const auto until = Clock::now() + kPatience;
    while (!missing.empty()) {
      const Event event = client->events().Next(until);
      if (event.kind == Event::Kind::kMessage) {
        if (missing.erase(event.subscription) == 0) continue;
        OnAnswer(ids_[static_cast<size_t>(event.subscription - kFirst)], event.message,
                 &(*result)["jobs"]);
        continue;
      }
      if (event.kind == Event::Kind::kInterrupted) {
        return Failure::Interrupted("interrupted; the jobs may be cancelled all the same");
      }
      if (event.kind == Event::Kind::kDenied) {
        return Failure::Local(
            {Code::kUnauthorized,
             fmt::format("{} does not allow this: {}", client->url(), event.text),
             fmt::format("this user needs to publish to {}.cancel.*", command_.prefix)});
      }
      if (event.kind == Event::Kind::kClosed || Clock::now() >= until) {
        return Failure::Local({Code::kDeadlineExceeded,
                               fmt::format("no answer about job {}",
                                           ids_[static_cast<size_t>(*missing.begin() - kFirst)]),
                               "see what became of it: darkroom jobs show"});
      }
    }
    return failure_;
  }

 private:
  void OnAnswer(const std::string& id, const Incoming& answer, json* jobs) {
    json one = {{"job", id}, {"state", nullptr}, {"host", nullptr}};
    std::optional<Failure> failure;
    if (answer.IsNoResponders()) {
      failure = Failure::Unreachable("no daemon takes cancellations",
                                     "is darkroomd running, connected to this server and with this "
                                     "prefix?");
    } else if (const std::optional<Status> error = ErrorOf(answer)) {
      failure = Failure::Remote(*error);
    } else if (Result<json> body = ParseJson(answer.body()); body.ok() && body->is_object()) {
      one.update(*body);
      if (!command_.json) Tell(id, TextField(one, "state"));
    } else {
      failure = Failure::Remote(Status::Internal("the answer is not one of a daemon"));
    }
    if (failure) {
      one["error"] = failure->ToJson();
      if (ids_.size() > 1) failure->status = failure->status.Annotated("job " + id);
      if (!failure_) {
        failure_ = std::move(failure);
      } else {
        WriteError(failure->Text());
      }
    }
    jobs->push_back(std::move(one));
  }

  static void Tell(const std::string& id, const std::string& state) {
    const std::string_view note =
        state == "cancelled" ? "" : "; it had ended before it could be cancelled";
    PrintText(fmt::format("{}: {}{}\n", Printable(id), Printable(state), note));
  }

  const Command& command_;
  const std::vector<std::string>& ids_;
  std::optional<Failure> failure_;  // the first
};

ExitCode Cancel(const Command& command, const std::vector<std::string>& ids) {
  const json empty = {{"jobs", json::array()}};
  for (const std::string& id : ids) {
    if (IsJobId(id)) continue;
    return Report(command,
                  Failure::Local(Status::InvalidArgument(
                      fmt::format("'{}' cannot be a job's id", id),
                      "1 to 64 letters, digits, '-' and '_'; see: darkroom jobs ls")),
                  empty);
  }
  // Jobs of `run` can be cancelled as well, and need no JetStream.
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (const auto* failure = std::get_if<Failure>(&connected)) {
    return Report(command, *failure, empty);
  }
  Client* const client = std::get<std::unique_ptr<Client>>(connected).get();
  const Interrupts::Guard guard(command.interrupts, [client] { client->Interrupt(); });
  json result = empty;
  if (const std::optional<Failure> failure = Cancelling(command, ids).Work(client, &result)) {
    return Report(command, *failure, std::move(result));
  }
  return command.json ? PrintJson(result) : ExitCode::kOk;
}

}  // namespace

void AddJobsCancel(CLI::App* jobs, Command* command) {
  auto ids = std::make_shared<std::vector<std::string>>();
  CLI::App* cancel = jobs->add_subcommand("cancel", "Cancel jobs that wait or run");
  cancel->add_option("ID", *ids, "The jobs' ids")->required();
  cancel->callback(
      [command, ids] { command->run = [command, ids] { return Cancel(*command, *ids); }; });
}

}  // namespace darkroom
