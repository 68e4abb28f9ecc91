// SPDX-License-Identifier: Apache-2.0

#include "cli/prepare.h"

#include <fmt/format.h>

#include <utility>

#include "cli/gather.h"

namespace darkroom {

using nlohmann::json;

Outcome<Catalogue> AskForModels(Client* client, const Command& command) {
  Outcome<std::vector<json>> hosts = Gather(client, command.ControlSubject("models"));
  if (auto* failure = std::get_if<Failure>(&hosts)) return std::move(*failure);
  return Catalogue(std::get<std::vector<json>>(std::move(hosts)));
}

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

Result<RequestParts> ReadParts(const RunOptions& options) {
  RequestParts parts;
  for (const InputArgument& argument : options.inputs) {
    Result<Input> input = ReadInput(argument);
    if (!input.ok()) return input.status();
    parts.inputs.push_back(*std::move(input));
  }
  parts.subject = options.subject;
  parts.job = options.job;
  parts.params = options.params;
  parts.accept = options.accept;
  parts.deadline = options.deadline;
  parts.trace = TraceFromEnvironment();
  parts.progress = options.progress != ProgressMode::kNone;
  return parts;
}

std::optional<Failure> AskFirst(Client* client, const Command& command, const RunOptions& options,
                                const ResultSink* sink, RequestParts* parts) {
  const bool needs_name = NeedsFirstName(options.inputs);
  const bool needs_form = sink != nullptr && !sink->MayShowBytes() && options.accept.empty();
  const auto check = [&] {
    return sink == nullptr ? std::nullopt : sink->CheckForm(options.accept);
  };
  if (!needs_name && !needs_form) return check();
  Outcome<Catalogue> models = AskForModels(client, command);
  if (auto* failure = std::get_if<Failure>(&models)) {
    return needs_name ? std::optional(std::move(*failure)) : std::nullopt;
  }
  const auto& catalogue = std::get<Catalogue>(models);
  const json* model = options.model.empty() ? catalogue.FindBySubject(options.subject)
                                            : catalogue.Find(options.model);
  if (model == nullptr) {
    if (!needs_name) return std::nullopt;  // the request itself will tell
    return catalogue.NobodyServes(options.model, options.subject, client->url());
  }
  if (needs_name) {
    parts->first_name = FirstInputName(*model);
    if (parts->first_name.empty()) {
      return Failure::Local(Status::InvalidArgument(
          fmt::format("{} does not say what its first input is called", options.label()),
          "name the inputs: -i NAME=@FILE"));
    }
  }
  if (needs_form) {
    if (const auto what = UnreadableReply(*model); !what.empty()) return sink->RefuseBytes(what);
  }
  return check();
}

}  // namespace darkroom
