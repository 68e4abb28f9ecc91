// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/gather.h"
#include "cli/job_end.h"
#include "cli/kept_job.h"
#include "cli/reply.h"
#include "cli/request.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int kStates = 1;
constexpr std::chrono::milliseconds kTick{200};

json ErrorOfStatus(const Status& status) {
  return {
      {"code", CodeName(status.code())}, {"message", status.message()}, {"hint", status.hint()}};
}

}  // namespace

std::optional<Failure> BatchRun::Work() {
  if (std::optional<Failure> failure = ReadPast()) return failure;
  if (std::optional<Failure> failure = WritePast()) return failure;
  ShowProgress();
  while (true) {
    bool full = false;
    while (!full && tally_.unfinished() < options_.concurrency) {
      const std::optional<size_t> line = tally_.TakePending();
      if (!line) break;
      std::optional<Failure> failure = SubmitOne(*line);
      full = failure && failure->status.code() == Code::kBusy;
      if (failure && !full) return failure;
      if (full) tally_.PutBack(*line);  // others fill the queue as well
      ShowProgress();
    }
    if (tally_.unfinished() + tally_.pending() == 0) break;
    if (std::optional<Failure> failure = Follow()) return failure;
  }
  bar_.Clear();
  return std::nullopt;
}

// All states that there are; the changes follow behind them.
std::optional<Failure> BatchRun::ReadPast() {
  Outcome<uint64_t> watching = store_.streams().Watch(store_.StateQuery("*"), kStates);
  if (auto* failure = std::get_if<Failure>(&watching)) return std::move(*failure);
  bool all = std::get<uint64_t>(watching) == 0;
  while (!all) {
    const Event event = session_.client().events().Next(Clock::now() + std::chrono::seconds(30));
    if (event.kind == Event::Kind::kInterrupted) {
      return Failure::Interrupted("interrupted before anything was submitted");
    }
    if (event.kind == Event::Kind::kTimeout || event.kind == Event::Kind::kClosed) {
      return Failure::Unreachable(
          fmt::format("{} does not say which jobs it has", session_.client().url()), "try again");
    }
    if (event.kind != Event::Kind::kMessage || event.subscription != kStates) continue;
    all = event.message.Place().behind == 0;
    if (const std::optional<json> state = StateIn(event.message)) tally_.OnPast(*state);
  }
  tally_.EndPast(options_.retry_failed);
  return std::nullopt;
}

// Results of jobs that ended while nobody looked.
std::optional<Failure> BatchRun::WritePast() {
  for (const size_t line : tally_.SucceededBefore()) {
    const Result<BatchLine> read = file_.Read(file_.entries()[line]);
    if (!read.ok()) return Failure::Local(read.status());
    if (!output_.Wanted(read->output) || output_.Has(read->output, file_.entries()[line].id)) {
      continue;
    }
    Outcome<std::optional<json>> state = store_.Find(tally_.JobOf(line));
    if (auto* failure = std::get_if<Failure>(&state)) return std::move(*failure);
    const auto& document = std::get<std::optional<json>>(state);
    if (!document) continue;
    if (std::optional<Failure> failure = WriteResult(line, *document)) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> BatchRun::SubmitOne(size_t line) {
  Result<BatchLine> read = file_.Read(file_.entries()[line]);
  if (!read.ok()) return Failure::Local(read.status());
  RequestParts parts;
  for (const InputArgument& argument : read->inputs) {
    Result<Input> input = ReadInput(argument);
    if (!input.ok()) {
      Refuse(line, input.status());
      return std::nullopt;
    }
    parts.inputs.push_back(*std::move(input));
  }
  const std::string first = read->job.id;
  const std::string job = tally_.JobOf(line);
  if (job.empty()) {
    Refuse(line, Status::InvalidArgument("its id is too long for a retry's"));
    return std::nullopt;
  }
  read->job.id = job;
  parts.job = job;
  parts.params = std::move(read->params);
  parts.accept = std::move(read->accept);
  parts.deadline = read->deadline;
  parts.trace = TraceFromEnvironment();
  Result<Outgoing> request = BuildRequest(std::move(parts));
  if (!request.ok()) {
    Refuse(line, request.status());
    return std::nullopt;
  }
  Outgoing durable = MakeDurable(*std::move(request), read->job, store_.names());
  const uint32_t retry = tally_.RetryOf(line);
  const std::string old = retry == 0 ? "" : retry == 1 ? first : RetryId(first, retry - 1);
  SetHeader(&durable.headers, "Darkroom-Retry-Of", old);
  Outcome<JetStream::Stored> stored = store_.Submit(std::move(durable));
  if (auto* failure = std::get_if<Failure>(&stored)) {
    if (failure->status.code() != Code::kTooLarge) return std::move(*failure);
    Refuse(line, failure->status);
    return std::nullopt;
  }
  if (!old.empty()) ForgetDeadLetter(old);
  return std::nullopt;
}

// It is being retried: whoever retries all dead letters should not do so once more.
void BatchRun::ForgetDeadLetter(const std::string& job) {
  Outcome<KeptJob> dead = FindDeadLetter(&store_, job);
  const auto* kept = std::get_if<KeptJob>(&dead);
  if (kept == nullptr) return;
  // If it stays, that is no failure of this job.
  store_.streams().Delete(store_.names().dead, kept->message.Place().sequence);
}

std::optional<Failure> BatchRun::Follow() {
  Event event = session_.client().events().Next(Clock::now() + kTick);
  switch (event.kind) {
    case Event::Kind::kMessage: {
      if (event.subscription != kStates) break;
      const std::optional<json> state = StateIn(event.message);
      if (!state) break;
      const std::optional<size_t> line = tally_.OnChange(*state);
      if (!line) break;
      ShowProgress();
      if (tally_.StateOf(*line) != LineState::kSucceeded) break;
      return WriteResult(*line, *state);
    }
    case Event::Kind::kInterrupted:
      bar_.Clear();
      return Failure::Interrupted(
          fmt::format("interrupted; {} submitted jobs go on, {} were not "
                      "submitted; the same command again goes on from here",
                      tally_.unfinished(), tally_.pending()));
    case Event::Kind::kClosed:
      bar_.Clear();
      return Failure::Unreachable(
          fmt::format("the connection to {} was lost", session_.client().url()),
          "the submitted jobs go on; the same command again goes on from here");
    case Event::Kind::kDisconnected:
      bar_.Clear();
      WriteError("darkroom: the connection was lost; trying to come back\n");
      break;
    case Event::Kind::kReconnected:
      WriteError("darkroom: connected again\n");
      break;
    case Event::Kind::kTimeout:
    case Event::Kind::kDenied:
      bar_.Tick(Clock::now());
      break;
  }
  return std::nullopt;
}

std::optional<Failure> BatchRun::WriteResult(size_t line, const json& state) {
  const BatchFile::Entry& entry = file_.entries()[line];
  const Result<BatchLine> read = file_.Read(entry);
  if (!read.ok()) return Failure::Local(read.status());
  if (!output_.Wanted(read->output)) return std::nullopt;
  Outcome<Incoming> fetched = FetchReply(&store_, state);
  if (auto* failure = std::get_if<Failure>(&fetched)) {
    if (failure->exit_code == ExitCode::kCannotConnect) return std::move(*failure);
    tally_.Fail(line, "not written", ErrorOfStatus(failure->status));
    return std::nullopt;
  }
  const auto& reply = std::get<Incoming>(fetched);
  const Status status = output_.Write(
      read->output, entry.id, reply.Header("Content-Type").value_or("application/octet-stream"),
      reply.body());
  if (!status.ok()) tally_.Fail(line, "not written", ErrorOfStatus(status));
  return std::nullopt;
}

void BatchRun::Refuse(size_t line, const Status& why) {
  tally_.Fail(line, "not submitted", ErrorOfStatus(why));
}

void BatchRun::ShowProgress() {
  const size_t all = std::max<size_t>(1, tally_.size());
  const size_t failed = tally_.ended() - tally_.Count(LineState::kSucceeded);
  std::string stage = fmt::format("{} of {}", tally_.ended(), tally_.size());
  if (failed > 0) stage += fmt::format(", {} failed", failed);
  bar_.Update(static_cast<double>(tally_.ended()) / static_cast<double>(all), std::move(stage),
              Clock::now());
}

}  // namespace darkroom
