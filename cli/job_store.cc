// SPDX-License-Identifier: Apache-2.0

#include "cli/job_store.h"

#include <fmt/format.h>

#include <utility>

#include "cli/claim_check.h"
#include "cli/gather.h"
#include "cli/request.h"
#include "core/json.h"
#include "queue/job.h"

namespace darkroom {
namespace {

using nlohmann::json;

Failure NoJobs(const std::string& url, const std::string& stream) {
  return Failure::Local(Status::FailedPrecondition(
      fmt::format("the server at {} keeps no jobs: there is no stream {}", url, stream),
      "are durable jobs enabled? jobs: {enabled: true} in the daemon's configuration; --prefix "
      "names another"));
}

Failure NoSuchJob(const std::string& url, const std::string& job) {
  return Failure::Local(
      Status::NotFound(fmt::format("nothing is known of a job '{}' at {}", job, url),
                       "jobs are forgotten some time after their end (jobs.keep_states), and not "
                       "known before a host "
                       "has taken them up; those that are known: darkroom jobs ls"));
}

}  // namespace

Outcome<std::unique_ptr<JobStore>> JobStore::Open(Client* client, const std::string& prefix) {
  std::unique_ptr<JobStore> store(new JobStore(client, prefix));
  Outcome<std::unique_ptr<JetStream>> streams = JetStream::Open(client);
  if (auto* failure = std::get_if<Failure>(&streams)) return std::move(*failure);
  store->streams_ = std::get<std::unique_ptr<JetStream>>(std::move(streams));
  // The daemon makes the bucket last of those that every version has.
  Outcome<bool> there = store->streams_->HasStream(store->names_.states);
  if (auto* failure = std::get_if<Failure>(&there)) return std::move(*failure);
  if (!std::get<bool>(there)) return NoJobs(client->url(), store->names_.jobs);
  return store;
}

Outcome<JetStream::Stored> JobStore::Submit(Outgoing job) {
  const size_t largest = LargestJobBody(client_.max_payload());
  if (auto failure = StowBody(streams_.get(), names_.objects, largest, &job)) {
    return *std::move(failure);
  }
  return streams_->Publish(job);
}

Outcome<bool> JobStore::Knows(const std::string& job_class, const std::string& model) {
  return streams_->HasConsumer(names_.jobs, DurableNames::Consumer(job_class, model));
}

Outcome<uint64_t> JobStore::CountKept(const std::string& job_class, const std::string& model) {
  return streams_->Count(
      names_.jobs, names_.Job(job_class.empty() ? "*" : job_class, model.empty() ? "*" : model));
}

Outcome<std::optional<json>> JobStore::Find(const std::string& job) {
  Outcome<std::optional<Incoming>> last = streams_->Last(names_.states, names_.State(job));
  if (auto* failure = std::get_if<Failure>(&last)) return std::move(*failure);
  const auto& message = std::get<std::optional<Incoming>>(last);
  if (!message) return std::optional<json>();
  return StateIn(*message);
}

Outcome<json> JobStore::State(const std::string& job) {
  if (!IsJobId(job)) {
    return Failure::Local(
        Status::InvalidArgument(fmt::format("'{}' cannot be a job's id", job),
                                "1 to 64 letters, digits, '-' and '_'; see: darkroom jobs ls"));
  }
  Outcome<std::optional<json>> found = Find(job);
  if (auto* failure = std::get_if<Failure>(&found)) return std::move(*failure);
  auto& state = std::get<std::optional<json>>(found);
  if (!state) return NoSuchJob(client_.url(), job);
  return *std::move(state);
}

Outcome<std::optional<Incoming>> JobStore::Reply(const json& state) {
  std::string subject = TextField(state, "result");
  if (subject.empty()) subject = names_.Result(TextField(state, "model"), TextField(state, "id"));
  Outcome<std::optional<Incoming>> reply = streams_->Last(names_.results, subject);
  if (auto* message = std::get_if<std::optional<Incoming>>(&reply); message && *message) {
    if (auto failure = FetchBody(streams_.get(), &**message)) return *std::move(failure);
  }
  return reply;
}

Outcome<std::optional<Incoming>> JobStore::Request(const std::string& job) {
  Outcome<bool> there = streams_->HasStream(names_.requests);
  if (auto* failure = std::get_if<Failure>(&there)) return std::move(*failure);
  if (!std::get<bool>(there)) return std::optional<Incoming>();
  return streams_->Last(names_.requests, names_.Request("*", job));
}

Outcome<std::optional<Incoming>> JobStore::DeadLetter(const std::string& job) {
  Outcome<bool> there = streams_->HasStream(names_.dead);
  if (auto* failure = std::get_if<Failure>(&there)) return std::move(*failure);
  if (!std::get<bool>(there)) return std::optional<Incoming>();
  return streams_->Last(names_.dead, names_.Dead("*", job));
}

std::optional<Failure> JobStore::WalkStates(
    std::optional<std::chrono::system_clock::time_point> since,
    const std::function<bool(const json&)>& each) {
  StreamQuery query = StateQuery("*");
  query.last_of_each = false;  // the bucket keeps no others, and a time may be asked for
  query.since = since;
  return streams_->Walk(query, [&each](const Incoming& message) {
    const std::optional<json> state = StateIn(message);
    return !state || each(*state);
  });
}

std::optional<Failure> JobStore::WalkDead(const std::function<bool(const Incoming&)>& each) {
  Outcome<bool> there = streams_->HasStream(names_.dead);
  if (auto* failure = std::get_if<Failure>(&there)) return std::move(*failure);
  if (!std::get<bool>(there)) return std::nullopt;
  StreamQuery query;
  query.stream = names_.dead;
  query.subject = names_.Dead("*", "*");
  query.headers_only = true;
  return streams_->Walk(query, each);
}

StreamQuery JobStore::StateQuery(const std::string& job) const {
  StreamQuery query;
  query.stream = names_.states;
  query.subject = names_.State(job);
  query.last_of_each = true;
  return query;
}

std::optional<json> StateIn(const Incoming& message) {
  Result<json> state = ParseJson(message.body());
  if (!state.ok() || !state->is_object() || TextField(*state, "id").empty()) return std::nullopt;
  return *std::move(state);
}

bool HasEnded(const json& state) {
  const auto known = JobStateByName(TextField(state, "state"));
  return known && IsTerminal(*known);
}

}  // namespace darkroom
