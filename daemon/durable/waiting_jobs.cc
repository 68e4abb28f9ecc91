// SPDX-License-Identifier: Apache-2.0

#include "durable/waiting_jobs.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "core/coroutine.h"
#include "message/request.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;

constexpr auto kTick = milliseconds(250);
// Before, a job need not be told to wait.
constexpr auto kPatience = milliseconds(400);
// So many are written in a tick, so that a flood of jobs is not a flood of states as well.
constexpr int kMostATick = 100;
constexpr auto kTurn = std::chrono::seconds(2);

}  // namespace

std::string JobIdOf(const Message& message, uint64_t sequence) {
  const auto named = message.Header("Nats-Msg-Id");
  return named && IsJobId(*named) ? std::string(*named) : fmt::format("s{}", sequence);
}

void WaitingJobs::OnAnnounced(const Message& announcement) {
  // prefix.announced.CLASS.MODEL
  const std::string_view subject = announcement.subject();
  const size_t model = subject.rfind('.');
  const size_t job_class = subject.rfind('.', model - 1);
  const std::string_view number = announcement.Header("Nats-Sequence").value_or("");
  uint64_t sequence = 0;
  std::from_chars(number.data(), number.data() + number.size(), sequence);
  if (job_class == std::string_view::npos || sequence == 0) return;
  JobRecord record;
  record.id = JobIdOf(announcement, sequence);
  if (taken_.count(record.id) > 0 || taken_before_.count(record.id) > 0) return;
  record.model = subject.substr(model + 1);
  record.job_class = subject.substr(job_class + 1, model - job_class - 1);
  record.submitted = std::chrono::system_clock::now();
  auto tags = ParseTags(announcement.Header("Darkroom-Tags").value_or(""));
  if (tags.ok()) record.tags = *std::move(tags);
  order_.emplace_back(Clock::now(), record.id);
  waiting_.emplace(record.id, std::move(record));
  if (!std::exchange(writing_, true)) StartCoroutine(io_, WriteAll());
}

void WaitingJobs::OnTaken(const std::string& id) {
  waiting_.erase(id);
  if (Clock::now() - turned_ > kTurn) {
    turned_ = Clock::now();
    taken_before_ = std::exchange(taken_, {});
  }
  taken_.insert(id);
}

awaitable<void> WaitingJobs::WriteNow(std::string id) {
  auto found = waiting_.extract(id);
  if (!found.empty()) co_await Write(std::move(found.mapped()));
}

awaitable<void> WaitingJobs::WriteAll() {
  while (!order_.empty()) {
    co_await Sleep(kTick);
    for (int written = 0; written < kMostATick && !order_.empty(); ++written) {
      if (Clock::now() - order_.front().first < kPatience) break;
      const std::string id = std::move(order_.front().second);
      order_.pop_front();
      co_await WriteNow(id);
    }
  }
  writing_ = false;
}

awaitable<void> WaitingJobs::Write(JobRecord record) {
  // Where there is one already, another has written it that knows more.
  States::Entry entry{std::move(record), 0};
  const auto put = co_await states_.Put(entry);
  if (!put.ok()) log_.debug("{}: {}", entry.record.id, put.status().ToString());
}

}  // namespace darkroom
