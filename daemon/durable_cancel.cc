// SPDX-License-Identifier: Apache-2.0
//
// How durable jobs are cancelled: DurableJobs::Cancel (docs/durable-jobs.md, "Cancelling").

#include <fmt/format.h>

#include <utility>

#include "core/coroutine.h"
#include "durable_jobs.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;

// A job that was just submitted has no state for so long.
constexpr int kTries = 8;
constexpr auto kBetweenTries = milliseconds(150);

}  // namespace

awaitable<Result<JobState>> DurableJobs::Cancel(std::string id) {
  if (!ready_) co_return Status::NotFound("durable jobs have not begun");
  const auto job = std::make_shared<Held>();
  for (int tried = 0; job->entry.revision == 0; ++tried) {
    if (tried == kTries) co_return Status::NotFound(fmt::format("there is no job '{}'", id));
    if (tried > 0) co_await Sleep(kBetweenTries);
    co_await waiting_.WriteNow(id);
    auto kept = co_await states_.Get(id);
    if (!kept.ok()) co_return kept.status();
    if (kept->has_value()) {
      job->entry = **std::move(kept);
    } else if (const auto held = held_.find(id); held != held_.end()) {
      job->entry = held->second->entry;  // it is here, and nothing is written of it yet
      break;
    }
  }
  JobRecord& record = job->record();
  if (record.ended()) co_return record.state;

  // Whose final reply is stored first decides: this one, or that of whoever runs the job.
  const Status why(Code::kCancelled, "the job was cancelled");
  auto reply = Failure(job, {}, why);
  const auto stored = co_await jetstream_.Store(std::move(reply));
  if (!stored.ok()) co_return stored.status();
  if (stored->outcome == Stored::Outcome::kStored) {
    record.finished = std::chrono::system_clock::now();
    record.result = names_.Result(record.model, record.id);
    record.Move(JobState::kCancelled);
    // If that cannot be written, whoever is given the job finds the reply.
    co_await Keep(job);
    co_return JobState::kCancelled;
  }
  const auto last = co_await FinalReply(job);
  if (!last.ok()) co_return last.status();
  const auto state = last->has_value() ? FinalStateOf(**last) : std::nullopt;
  if (state) co_return *state;
  co_return Status::NotFound(fmt::format("the final reply of '{}' is kept no more", id));
}

}  // namespace darkroom
