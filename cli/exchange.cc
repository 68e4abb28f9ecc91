// SPDX-License-Identifier: Apache-2.0

#include "cli/exchange.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/gather.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kReply = 1;
constexpr int kProgress = 2;
constexpr std::chrono::minutes kSilence{10};
constexpr std::chrono::milliseconds kTick{100};

class Waiting {
 public:
  Waiting(Client* client, const ExchangeOptions& options, ProgressBar* bar)
      : client_(*client), options_(options), bar_(*bar), started_(Clock::now()), heard_(started_) {}

  Outcome<Incoming> ForReply() {
    while (true) {
      const auto deadline = options_.timeout ? started_ + *options_.timeout : heard_ + kSilence;
      const auto now = Clock::now();
      bar_.Tick(now);
      Event event =
          client_.events().Next(bar_.draws() ? std::min(deadline, now + kTick) : deadline);
      switch (event.kind) {
        case Event::Kind::kTimeout:
          if (Clock::now() >= deadline) return TooLate();
          break;
        case Event::Kind::kMessage:
          if (event.subscription == kReply) return std::move(event.message);
          if (event.subscription == kProgress) OnProgress(event.message);
          break;
        case Event::Kind::kDenied:
          // Progress is a courtesy, and a job runs without it.
          if (IsAboutProgress(event.text)) break;
          return Failure::Local(
              {Code::kUnauthorized,
               fmt::format("{} does not allow this: {}", client_.url(), event.text),
               "ask for the right to publish to this subject, or give other credentials: --creds "
               "FILE"});
        case Event::Kind::kDisconnected:
          Notice("the connection was lost; trying to come back");
          break;
        case Event::Kind::kReconnected:
          Notice("connected again; if the reply was sent meanwhile, it is lost");
          heard_ = Clock::now();
          break;
        case Event::Kind::kClosed:
          return Failure::Unreachable(
              fmt::format("the connection to {} was lost, and with it the reply to job {}",
                          client_.url(), options_.job),
              "the job may have run all the same; try again when the server is back");
        case Event::Kind::kInterrupted:
          return Failure::Interrupted(
              fmt::format("interrupted; job {} was told to stop", options_.job));
      }
    }
  }

 private:
  void OnProgress(const Incoming& message) {
    if (IsPreview(message)) {
      heard_ = Clock::now();
      if (options_.previews == nullptr) return;
      bar_.Clear();
      options_.previews->Take(message);
      return;
    }
    const Result<nlohmann::json> progress = ParseJson(message.body());
    if (!progress.ok() || !progress->is_object()) return;
    heard_ = Clock::now();
    bar_.Update(NumberField(*progress, "fraction"), TextField(*progress, "stage"), heard_);
  }

  bool IsAboutProgress(const std::string& text) const {
    return !options_.progress_subject.empty() &&
           text.find(options_.progress_subject) != std::string::npos;
  }

  void Notice(std::string_view text) {
    bar_.Clear();
    WriteError(fmt::format("darkroom: {}\n", text));
  }

  Failure TooLate() const {
    const auto waited =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
    return Failure::Local(
        {Code::kDeadlineExceeded,
         fmt::format("no reply to job {} within {}", options_.job, FormatTime(waited)),
         "see what the daemon does: darkroom ps; allow more with --timeout"});
  }

  Client& client_;
  const ExchangeOptions& options_;
  ProgressBar& bar_;
  Clock::time_point started_;
  Clock::time_point heard_;
};

}  // namespace

Outcome<Incoming> Exchange(Client* client, const Outgoing& request, const ExchangeOptions& options,
                           ProgressBar* bar) {
  Result<std::string> inbox = client->MakeInbox();
  if (!inbox.ok()) return Failure::Local(inbox.status());
  Status status = client->Subscribe(*inbox, kReply);
  // Before the request, so that the first message is not missed.
  if (status.ok() && !options.progress_subject.empty()) {
    status = client->Subscribe(options.progress_subject, kProgress);
  }
  if (status.ok()) status = client->Send(request, *inbox);
  if (!status.ok()) {
    if (status.code() == Code::kTooLarge) return Failure::Local(std::move(status));
    return Failure::Unreachable(status.message(), "try again");
  }
  Outcome<Incoming> outcome = Waiting(client, options, bar).ForReply();
  bar->Clear();
  const auto* failure = std::get_if<Failure>(&outcome);
  if (failure != nullptr &&
      (failure->exit_code == ExitCode::kInterrupted || failure->exit_code == ExitCode::kDeadline)) {
    // If that does not arrive the job runs to its end, as it would have without.
    static_cast<void>(client->Send({options.cancel_subject, {}, {}}, {}));
  }
  return outcome;
}

}  // namespace darkroom
