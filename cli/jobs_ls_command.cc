// SPDX-License-Identifier: Apache-2.0
//
// darkroom jobs ls: durable jobs in a table, and with --watch a line for each change from then on.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/gather.h"
#include "cli/job_filter.h"
#include "cli/job_session.h"
#include "cli/job_view.h"
#include "cli/jobs_command.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr int kStates = 1;

struct LsArguments {
  JobFilterArguments filter;
  size_t limit = 50;
  bool watch = false;
};

struct Found {
  std::vector<json> states;  // the newest, by their submission
  size_t matches = 0;
  // That lie in the queue and have no state: no host has taken them up.
  uint64_t untaken = 0;
};

// Without a state there is nothing known of a job but its subject.
bool AsksForUntaken(const JobFilter& filter) {
  return (filter.state.empty() || filter.state == "queued") && filter.tags.empty() && !filter.since;
}

std::optional<Failure> Collect(JobStore& store, const JobFilter& filter, size_t limit,
                               Found* found) {
  if (AsksForUntaken(filter)) {
    Outcome<uint64_t> kept = store.CountKept(filter.job_class, filter.model);
    if (auto* failure = std::get_if<Failure>(&kept)) return std::move(*failure);
    found->untaken = std::get<uint64_t>(kept);
  }
  JobFilter any_state = filter;
  any_state.state.clear();
  const auto older = [](const json& a, const json& b) {
    return TextField(a, "submitted") > TextField(b, "submitted");
  };
  // A heap whose first is the oldest: no more than `limit` states are ever held.
  std::optional<Failure> failure = store.WalkStates(filter.since, [&](const json& state) {
    if (found->untaken > 0 && !HasEnded(state) && any_state.Matches(state)) --found->untaken;
    if (!filter.Matches(state)) return true;
    ++found->matches;
    std::vector<json>& states = found->states;
    states.push_back(state);
    std::push_heap(states.begin(), states.end(), older);
    if (states.size() > limit) {
      std::pop_heap(states.begin(), states.end(), older);
      states.pop_back();
    }
    return true;
  });
  std::sort(found->states.begin(), found->states.end(), older);
  return failure;
}

// Until Ctrl-C.
std::optional<Failure> Follow(const Command& command, JobSession& session,
                              const JobFilter& filter) {
  while (true) {
    const Event event =
        session.client().events().Next(std::chrono::steady_clock::now() + std::chrono::minutes(10));
    if (event.kind == Event::Kind::kInterrupted) return std::nullopt;
    if (event.kind == Event::Kind::kClosed) {
      return Failure::Unreachable(
          fmt::format("the connection to {} was lost", session.client().url()), "try again");
    }
    if (event.kind != Event::Kind::kMessage || event.subscription != kStates) continue;
    const std::optional<json> state = StateIn(event.message);
    if (!state || !filter.Matches(*state)) continue;
    const std::string line = command.json ? WriteJson(*state) : JobLine(*state);
    if (PrintText(line + "\n") != ExitCode::kOk) return std::nullopt;
  }
}

ExitCode List(const Command& command, const LsArguments& arguments) {
  const WallTime now = std::chrono::system_clock::now();
  const Result<JobFilter> filter = JobFilter::Make(arguments.filter, now);
  if (!filter.ok()) {
    return Report(command, Failure::Local(filter.status()), {{"jobs", json::array()}});
  }
  const json empty = {{"jobs", json::array()}, {"matches", 0}, {"untaken", 0}};
  const auto work = [&](JobSession& session, json* result) -> std::optional<Failure> {
    if (arguments.watch) {
      StreamQuery query = session.store().StateQuery("*");
      query.last_of_each = false;
      query.only_new = true;
      Outcome<uint64_t> watching = session.store().streams().Watch(query, kStates);
      if (auto* failure = std::get_if<Failure>(&watching)) return std::move(*failure);
    }
    Found found;
    if (auto failure = Collect(session.store(), *filter, arguments.limit, &found)) return failure;
    const std::vector<json>& states = found.states;
    if (command.json && !arguments.watch) {
      *result = {{"jobs", states}, {"matches", found.matches}, {"untaken", found.untaken}};
      return std::nullopt;
    }
    if (command.json) {
      for (auto state = states.rbegin(); state != states.rend(); ++state) {
        if (PrintText(WriteJson(*state) + "\n") != ExitCode::kOk) return std::nullopt;
      }
    } else {
      std::string text = JobTable(states, now, command.terminal);
      if (found.matches > states.size()) {
        text +=
            fmt::format("the newest {} of {}; more with --limit\n", states.size(), found.matches);
      }
      if (found.untaken > 0) {
        text += fmt::format("{} more in the queue: no host has taken {} up yet\n", found.untaken,
                            found.untaken == 1 ? "it" : "them");
      }
      PrintText(text);
    }
    return arguments.watch ? Follow(command, session, *filter) : std::nullopt;
  };
  if (!arguments.watch || !command.json) return InSession(command, empty, work);
  // Lines of JSON, and no object after them.
  Command plain = command;
  plain.json = false;
  return InSession(plain, empty, work);
}

}  // namespace

void AddJobsLs(CLI::App* jobs, Command* command) {
  auto arguments = std::make_shared<LsArguments>();
  CLI::App* list = jobs->add_subcommand("ls", "List jobs, the newest first");
  AddFilterOptions(list, &arguments->filter);
  list->add_option("--limit", arguments->limit, "How many at most")->capture_default_str();
  list->add_flag("--watch", arguments->watch, "Then a line for each change, until Ctrl-C");
  list->callback([command, arguments] {
    command->run = [command, arguments] { return List(*command, *arguments); };
  });
}

}  // namespace darkroom
