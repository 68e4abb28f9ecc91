// SPDX-License-Identifier: Apache-2.0

#include "cli/job_session.h"

#include <utility>

namespace darkroom {

Outcome<std::unique_ptr<JobSession>> JobSession::Open(const Command& command) {
  auto session = std::make_unique<JobSession>();
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (auto* failure = std::get_if<Failure>(&connected)) return std::move(*failure);
  session->client_ = std::get<std::unique_ptr<Client>>(std::move(connected));
  Client* const client = session->client_.get();
  session->guard_ =
      std::make_unique<Interrupts::Guard>(command.interrupts, [client] { client->Interrupt(); });
  Outcome<std::unique_ptr<JobStore>> store = JobStore::Open(client, command.prefix);
  if (auto* failure = std::get_if<Failure>(&store)) return std::move(*failure);
  session->store_ = std::get<std::unique_ptr<JobStore>>(std::move(store));
  return session;
}

ExitCode InSession(const Command& command, nlohmann::json result, const JobWork& work) {
  Outcome<std::unique_ptr<JobSession>> opened = JobSession::Open(command);
  if (const auto* failure = std::get_if<Failure>(&opened)) {
    return Report(command, *failure, std::move(result));
  }
  const auto& session = std::get<std::unique_ptr<JobSession>>(opened);
  if (const std::optional<Failure> failure = work(*session, &result)) {
    return Report(command, *failure, std::move(result));
  }
  return command.json ? PrintJson(result) : ExitCode::kOk;
}

}  // namespace darkroom
