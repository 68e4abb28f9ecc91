// SPDX-License-Identifier: Apache-2.0

#include "cli/kept_job.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>
#include <vector>

#include "cli/gather.h"
#include "core/json.h"
#include "durable/job_record.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr const char* kDeadLetter = "Darkroom-Dead-Letter";
constexpr uint32_t kMostRetries = 1000;

// PREFIX.dead.MODEL.JOB, PREFIX.requests.MODEL.JOB
std::pair<std::string, std::string> ModelAndJob(std::string_view subject) {
  const size_t last = subject.rfind('.');
  if (last == std::string_view::npos || last == 0) return {};
  const size_t before = subject.rfind('.', last - 1);
  if (before == std::string_view::npos) return {};
  return {std::string(subject.substr(before + 1, last - before - 1)),
          std::string(subject.substr(last + 1))};
}

KeptJob FromMessage(Incoming message, bool dead) {
  KeptJob job;
  std::tie(job.model, job.id) = ModelAndJob(message.subject());
  job.job_class = dead ? TextField(DeadLetterOf(message), "class")
                       : message.Header("Darkroom-Class").value_or("");
  if (!CheckClass(job.job_class).ok()) job.job_class = "normal";
  job.message = std::move(message);
  job.dead = dead;
  return job;
}

Status CheckId(const std::string& id) {
  if (IsJobId(id)) return {};
  return Status::InvalidArgument(fmt::format("'{}' cannot be a job's id", id),
                                 "1 to 64 letters, digits, '-' and '_'; see: darkroom jobs ls");
}

}  // namespace

Outcome<KeptJob> FindDeadLetter(JobStore* store, const std::string& id) {
  if (Status status = CheckId(id); !status.ok()) return Failure::Local(std::move(status));
  Outcome<std::optional<Incoming>> found = store->DeadLetter(id);
  if (auto* failure = std::get_if<Failure>(&found)) return std::move(*failure);
  auto& message = std::get<std::optional<Incoming>>(found);
  if (message) return FromMessage(*std::move(message), true);
  return Failure::Local(Status::NotFound(fmt::format("there is no dead letter of a job '{}'", id),
                                         "those that there are: darkroom dead ls"));
}

Outcome<KeptJob> FindRequest(JobStore* store, const std::string& id) {
  if (Status status = CheckId(id); !status.ok()) return Failure::Local(std::move(status));
  Outcome<std::optional<Incoming>> found = store->Request(id);
  if (auto* failure = std::get_if<Failure>(&found)) return std::move(*failure);
  auto& message = std::get<std::optional<Incoming>>(found);
  if (message) return FromMessage(*std::move(message), false);
  return Failure::Local(Status::NotFound(
      fmt::format("the request of job '{}' is not kept", id),
      "requests are kept for jobs.keep of the daemon's configuration, unless jobs.keep_requests is "
      "false"));
}

Outcome<KeptJob> FindKeptJob(JobStore* store, const std::string& id) {
  Outcome<KeptJob> dead = FindDeadLetter(store, id);
  const auto* failure = std::get_if<Failure>(&dead);
  if (failure == nullptr || failure->status.code() != Code::kNotFound) return dead;
  return FindRequest(store, id);
}

json DeadLetterOf(const Incoming& message) {
  const auto [model, id] = ModelAndJob(message.subject());
  json letter = {{"id", id}, {"model", model}};
  if (Result<json> header = ParseJson(message.Header(kDeadLetter).value_or("null"));
      header.ok() && header->is_object()) {
    letter.update(*header);
  }
  letter["sequence"] = message.Place().sequence;
  // Where the body was not asked for, the server says how large it is.
  size_t bytes = message.body().size();
  if (const auto size = message.Header("Nats-Msg-Size")) {
    std::from_chars(size->data(), size->data() + size->size(), bytes);
  }
  letter["bytes"] = bytes;
  return letter;
}

Tags TagsOf(const KeptJob& job) {
  Result<Tags> tags = ParseTags(job.message.Header("Darkroom-Tags").value_or(""));
  return tags.ok() ? *std::move(tags) : Tags();
}

Outcome<std::string> RetryJob(JobStore* store, KeptJob job) {
  const RetryName name = ParseRetryName(job.id);
  DurableParts parts{{},
                     job.model,
                     job.job_class,
                     job.message.Header("Darkroom-Reply-To").value_or(""),
                     TagsOf(job)};
  const uint64_t sequence = job.message.Place().sequence;
  for (uint32_t number = name.number + 1; number < kMostRetries; ++number) {
    parts.id = RetryId(name.base, number);
    if (parts.id.empty()) {
      // Its own id is as long as one may be; Darkroom-Retry-Of says all the same what it is.
      Result<std::string> random = MakeJobId();
      if (!random.ok()) return Failure::Local(random.status());
      parts.id = *std::move(random);
    }
    Outcome<std::optional<json>> taken = store->Find(parts.id);
    if (auto* failure = std::get_if<Failure>(&taken)) return std::move(*failure);
    if (std::get<std::optional<json>>(taken)) continue;
    Outcome<JetStream::Stored> stored = store->Submit(CopyOfJob(
        job.message.Headers(), std::string(job.message.body()), parts, job.id, store->names()));
    if (auto* failure = std::get_if<Failure>(&stored)) return std::move(*failure);
    // Another has just submitted it under that name.
    if (std::get<JetStream::Stored>(stored).duplicate) continue;
    if (job.dead) {
      if (auto failure = store->streams().Delete(store->names().dead, sequence)) return *failure;
    }
    return parts.id;
  }
  return Failure::Local(
      Status{Code::kBusy, fmt::format("job {} has been retried too often", job.id)});
}

}  // namespace darkroom
