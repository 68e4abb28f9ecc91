// SPDX-License-Identifier: Apache-2.0

#include "durable/streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace darkroom {
namespace {

using nlohmann::json;

// The same Nats-Msg-Id within this time is not even stored; later the job's state says that it was.
constexpr auto kDuplicateWindow = std::chrono::minutes(2);
// Of all hosts together.
constexpr int kMostDelivered = 10'000;

int64_t Ns(std::chrono::milliseconds duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

// As the server has it: -1 is none.
int64_t Limit(uint64_t most) { return most == 0 ? -1 : static_cast<int64_t>(most); }

// Whether the server's configuration has all that is wanted. It has fields of its own besides.
bool Has(const json& present, const json& wanted) {
  return std::all_of(wanted.items().begin(), wanted.items().end(), [&](const auto& item) {
    const auto found = present.find(item.key());
    // What is false or 0 the server leaves out.
    if (found != present.end()) return *found == item.value();
    return item.value() == nlohmann::json(false) || item.value() == nlohmann::json(0);
  });
}

}  // namespace

json Streams::Common(const std::string& name, const std::string& subject) const {
  return {{"name", name},
          {"subjects", {subject}},
          {"storage", config_.storage},
          {"num_replicas", config_.replicas},
          {"allow_direct", true}};
}

json Streams::Kept(const std::string& name, const std::string& subject,
                   std::chrono::milliseconds keep) const {
  json stream = Common(name, subject);
  stream["retention"] = "limits";
  stream["discard"] = "old";
  stream["max_age"] = Ns(keep);
  stream["duplicate_window"] = Ns(std::min<std::chrono::milliseconds>(kDuplicateWindow, keep));
  return stream;
}

// As ADR-20 has it.
json Streams::Objects(const std::string& bucket) const {
  const std::string subjects = "$O." + bucket;
  json stream = Kept("OBJ_" + bucket, subjects + ".C.>", config_.keep);
  stream["subjects"].push_back(subjects + ".M.>");
  stream["discard"] = "new";
  stream["allow_rollup_hdrs"] = true;
  return stream;
}

boost::asio::awaitable<Status> Streams::EnsureSaved() {
  return EnsureStream(Objects(names_.saved));
}

boost::asio::awaitable<Status> Streams::Ensure() {
  json jobs = Common(names_.jobs, names_.Job("*", "*"));
  jobs["retention"] = "workqueue";
  jobs["discard"] = "new";
  jobs["max_msgs"] = Limit(config_.max_waiting);
  jobs["max_bytes"] = Limit(config_.max_waiting_bytes);
  jobs["duplicate_window"] = Ns(kDuplicateWindow);
  jobs["republish"] = {{"src", names_.Job("*", "*")},
                       {"dest", names_.Announced("{{wildcard(1)}}", "{{wildcard(2)}}")},
                       {"headers_only", true}};
  json results = Kept(names_.results, names_.Result("*", "*"), config_.keep);
  json requests = Kept(names_.requests, names_.Request("*", "*"), config_.keep);
  requests["max_msgs_per_subject"] = 1;
  json dead = Kept(names_.dead, names_.Dead("*", "*"), config_.keep_dead);
  dead["max_msgs_per_subject"] = 1;
  // As ADR-8 has a bucket.
  json states = Kept(names_.states, names_.State(">"), config_.keep_states);
  states["discard"] = "new";
  states["max_msgs_per_subject"] = 1;
  states["allow_rollup_hdrs"] = true;
  states["deny_delete"] = true;
  json objects = Objects(names_.objects);
  for (json* stream : {&jobs, &results, &requests, &dead, &states, &objects}) {
    Status status = co_await EnsureStream(*stream);
    if (!status.ok()) co_return status;
  }
  co_return Status::Ok();
}

boost::asio::awaitable<Status> Streams::EnsureStream(json wanted) {
  const std::string name = wanted["name"];
  auto present = co_await jetstream_.Api("STREAM.INFO." + name, nullptr);
  if (present.ok() && Has((*present)["config"], wanted)) co_return Status::Ok();
  if (!present.ok() && present.status().code() != Code::kNotFound) co_return present.status();
  if (!config_.manage_streams) {
    const char* what = present.ok() ? "is not as it should be" : "does not exist";
    co_return Status::FailedPrecondition(
        fmt::format("the stream {} {}, and jobs.manage_streams is false", name, what),
        "docs/durable-jobs.md says what it should be");
  }
  if (present.ok()) {
    // What others have set and we do not name stays.
    json changed = (*present)["config"];
    changed.update(wanted);
    wanted = std::move(changed);
  }
  const auto done =
      co_await jetstream_.Api((present.ok() ? "STREAM.UPDATE." : "STREAM.CREATE.") + name, wanted);
  co_return done.ok() ? Status::Ok() : done.status().Annotated("stream " + name);
}

boost::asio::awaitable<Status> Streams::EnsureConsumer(std::string job_class, std::string model) {
  const std::string name = DurableNames::Consumer(job_class, model);
  const json config = {{"name", name},
                       {"durable_name", name},
                       {"filter_subject", names_.Job(job_class, model)},
                       {"deliver_policy", "all"},
                       {"ack_policy", "explicit"},
                       {"replay_policy", "instant"},
                       {"ack_wait", Ns(config_.ack_wait)},
                       {"max_ack_pending", kMostDelivered},
                       {"max_deliver", -1}};
  const std::string place = fmt::format("{}.{}", names_.jobs, name);
  if (!config_.manage_streams) {
    const auto present = co_await jetstream_.Api("CONSUMER.INFO." + place, nullptr);
    co_return present.ok() ? Status::Ok() : present.status().Annotated("consumer " + name);
  }
  const json question = {{"stream_name", names_.jobs}, {"config", config}};
  const auto done = co_await jetstream_.Api("CONSUMER.CREATE." + place, question);
  co_return done.ok() ? Status::Ok() : done.status().Annotated("consumer " + name);
}

}  // namespace darkroom
