// SPDX-License-Identifier: Apache-2.0

#include "cli/job_end.h"

#include <fmt/format.h>

#include <utility>

#include "cli/gather.h"
#include "cli/reply.h"
#include "core/json.h"

namespace darkroom {

using nlohmann::json;

std::optional<Status> ErrorInState(const json& state) {
  const std::string name = TextField(state, "state");
  if (name == "succeeded") return std::nullopt;
  const json& error = PartField(state, "error");
  if (error.is_object()) return ParseError(WriteJson(error), {}, {});
  return Status(name == "expired"     ? Code::kDeadlineExceeded
                : name == "cancelled" ? Code::kCancelled
                                      : Code::kInternal,
                fmt::format("job {} has {}", TextField(state, "id"),
                            name == "cancelled" ? "been cancelled" : name));
}

Outcome<Incoming> FetchReply(JobStore* store, const json& state) {
  Outcome<std::optional<Incoming>> stored = store->Reply(state);
  if (auto* failure = std::get_if<Failure>(&stored)) return std::move(*failure);
  auto& reply = std::get<std::optional<Incoming>>(stored);
  if (reply) return *std::move(reply);
  if (const std::optional<Status> error = ErrorInState(state)) return Failure::Remote(*error);
  return Failure::Local(Status::NotFound(
      fmt::format("the result of job {} is no longer kept", TextField(state, "id")),
      "results are kept for jobs.keep of the daemon's configuration"));
}

std::optional<Failure> DeliverEnd(JobStore* store, const json& state, ResultSink* sink,
                                  json* result) {
  Outcome<Incoming> reply = FetchReply(store, state);
  if (auto* failure = std::get_if<Failure>(&reply)) return std::move(*failure);
  return sink->Deliver(std::get<Incoming>(reply), result);
}

}  // namespace darkroom
