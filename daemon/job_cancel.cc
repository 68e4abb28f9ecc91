// SPDX-License-Identifier: Apache-2.0

#include "job_cancel.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/coroutine.h"
#include "core/json.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;

// Whoever has the job has said so by then.
constexpr auto kHeardByThen = std::chrono::milliseconds(1000);

// The token of prefix.cancel.JOB[.taken] that names the job.
std::string JobOf(std::string_view subject, size_t prefix_length) {
  subject.remove_prefix(prefix_length + std::string_view(".cancel.").size());
  return std::string(subject.substr(0, subject.find('.')));
}

}  // namespace

void JobCancel::OnRequest(const Message& request) {
  const std::string id = JobOf(request.subject(), parts_.config.nats.prefix.size());
  const Job* job = parts_.flow.FindById(id);
  if (job == nullptr) return;
  if (job->sink != nullptr) {
    // Its end is stored by whoever comes first; the elected host says what that was.
    parts_.flow.Cancel(job->token, nullptr);
    return;
  }
  parts_.publisher.Publish(std::make_unique<PlainPublication>(
      fmt::format("{}.cancel.{}.taken", parts_.config.nats.prefix, id), ""));
  const std::string reply(request.reply());
  parts_.flow.Cancel(job->token, [this, id, reply](JobState state) { Answer(id, reply, state); });
}

void JobCancel::OnElected(const Message& request) {
  const std::string id = JobOf(request.subject(), parts_.config.nats.prefix.size());
  const Job* job = parts_.flow.FindById(id);
  if (job != nullptr && job->sink == nullptr) return;  // OnRequest answers
  asked_.insert(id);
  StartCoroutine(parts_.io, AnswerForAll(id, std::string(request.reply())));
}

void JobCancel::OnTaken(const Message& note) {
  const std::string id = JobOf(note.subject(), parts_.config.nats.prefix.size());
  if (asked_.count(id) > 0) taken_.insert(id);
}

awaitable<void> JobCancel::AnswerForAll(std::string id, std::string reply) {
  Result<JobState> ended = Status::NotFound("");
  if (parts_.durable != nullptr) ended = co_await parts_.durable->Cancel(id);
  if (ended.ok()) {
    Answer(id, reply, *ended);
  } else if (ended.status().code() != Code::kNotFound) {
    parts_.replier.Error(reply, {}, ended.status());
  } else {
    co_await Sleep(kHeardByThen);
    if (taken_.count(id) == 0) {
      const Status nobody = Status::NotFound(fmt::format("there is no job '{}'", id),
                                             "an interactive job that has ended is forgotten");
      parts_.replier.Error(reply, {}, nobody);
    }
  }
  asked_.erase(id);
  taken_.erase(id);
}

void JobCancel::Answer(const std::string& id, const std::string& reply, JobState state) {
  if (reply.empty()) return;
  const nlohmann::json answer = {
      {"job", id}, {"state", JobStateName(state)}, {"host", parts_.config.host_name}};
  parts_.publisher.Publish(std::make_unique<PlainPublication>(
      reply, WriteJson(answer), PlainPublication::Headers{{"Content-Type", "application/json"}}));
}

}  // namespace darkroom
