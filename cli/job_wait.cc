// SPDX-License-Identifier: Apache-2.0

#include "cli/job_wait.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/gather.h"
#include "cli/preview_sink.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// Away from the numbers of others.
constexpr int kStates = 2001;
constexpr int kProgress = 2002;
constexpr std::chrono::milliseconds kTick{100};

}  // namespace

JobWait::~JobWait() { store_.streams().Unwatch(kStates); }

std::optional<Failure> JobWait::Listen(const std::string& job, bool progress) {
  job_ = job;
  Outcome<uint64_t> watching = store_.streams().Watch(store_.StateQuery(job), kStates);
  if (auto* failure = std::get_if<Failure>(&watching)) return std::move(*failure);
  if (!progress) return std::nullopt;
  const std::string subject = fmt::format("{}.progress.{}", store_.names().prefix, job);
  if (Status status = client_.Subscribe(subject, kProgress); !status.ok()) {
    return Failure::Local(std::move(status));
  }
  return std::nullopt;
}

Outcome<json> JobWait::ForEnd(std::optional<std::chrono::milliseconds> timeout) {
  const auto deadline = timeout ? std::optional(Clock::now() + *timeout) : std::nullopt;
  while (true) {
    const auto now = Clock::now();
    bar_.Tick(now);
    auto until = now + (bar_.draws() ? kTick : std::chrono::milliseconds(60'000));
    if (deadline) until = std::min(until, *deadline);
    const Event event = client_.events().Next(until);
    switch (event.kind) {
      case Event::Kind::kTimeout:
        if (!deadline || Clock::now() < *deadline) break;
        bar_.Clear();
        return Failure::Local(
            {Code::kDeadlineExceeded,
             fmt::format("job {} has not ended within {}", job_, FormatTime(*timeout)),
             "it goes on; wait for it with: darkroom jobs watch " + job_});
      case Event::Kind::kMessage:
        if (event.subscription == kProgress) OnProgress(event.message);
        if (event.subscription == kStates) {
          const std::optional<json> state = StateIn(event.message);
          if (!state || TextField(*state, "id") != job_) break;
          if (HasEnded(*state)) {
            bar_.Clear();
            return *state;
          }
          OnState(*state);
        }
        break;
      case Event::Kind::kDenied:
        break;  // progress is a courtesy, and the states have been heard of
      case Event::Kind::kDisconnected:
        Notice("the connection was lost; trying to come back");
        break;
      case Event::Kind::kReconnected:
        Notice("connected again");
        break;
      case Event::Kind::kClosed:
        bar_.Clear();
        return Failure::Unreachable(
            fmt::format("the connection to {} was lost", client_.url()),
            "the job goes on; when the server is back: darkroom jobs watch " + job_);
      case Event::Kind::kInterrupted:
        bar_.Clear();
        return Failure::Interrupted(
            fmt::format("interrupted; the job goes on: darkroom jobs watch {}", job_));
    }
  }
}

void JobWait::OnProgress(const Incoming& message) {
  if (IsPreview(message)) return;  // which others may watch
  const Result<json> progress = ParseJson(message.body());
  if (!progress.ok() || !progress->is_object()) return;
  bar_.Update(NumberField(*progress, "fraction"), TextField(*progress, "stage"), Clock::now());
}

// Who submitted the job may not have asked for progress; its state has it more coarsely.
void JobWait::OnState(const json& state) {
  if (!state.contains("progress")) return;
  bar_.Update(NumberField(state, "progress"), TextField(state, "stage"), Clock::now());
}

void JobWait::Notice(std::string_view text) {
  bar_.Clear();
  WriteError(fmt::format("darkroom: {}\n", text));
}

}  // namespace darkroom
