// SPDX-License-Identifier: Apache-2.0

#include "control/service_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "control/systemd.h"
#include "core/excerpt.h"

namespace darkroom {
namespace {

using std::chrono::seconds;

constexpr auto kPause = seconds(1);
// More than any pause of a busy machine, and less than an operator's patience with a hang.
constexpr auto kMoreTime = seconds(30);
// What of a refused configuration fits in a line.
constexpr size_t kLongestRefusal = 300;

std::string Plural(size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

}  // namespace

ServiceStatus::ServiceStatus(boost::asio::io_context& io, const ControlView& view,
                             const Connection& connection)
    : view_(view), connection_(connection), timer_(io) {}

void ServiceStatus::Start() {
  if (UnderSystemd()) TellEachSecond();
}

void ServiceStatus::TellEachSecond() {
  if (view_.state != "ready" || reloading_) NotifyMoreTime(kMoreTime);
  Tell();
  timer_.expires_after(kPause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) TellEachSecond();
  });
}

void ServiceStatus::Tell() {
  std::string line = Line();
  if (line == told_) return;
  if (NotifyStatus(line)) told_ = std::move(line);
}

void ServiceStatus::BeginReload() {
  reloading_ = true;
  NotifyReloading(Line());
  NotifyMoreTime(kMoreTime);
}

void ServiceStatus::EndReload(const std::string& refusal) {
  reloading_ = false;
  // One line, whatever the text.
  refusal_ = Excerpt(refusal, kLongestRefusal);
  std::replace(refusal_.begin(), refusal_.end(), '\n', ' ');
  told_ = Line();
  NotifyReady(told_);
}

void ServiceStatus::Drain(Clock::time_point until) {
  drained_by_ = until;
  NotifyStopping(Line(), std::chrono::duration_cast<std::chrono::milliseconds>(
                             until - Clock::now() + kMoreTime));
}

std::string ServiceStatus::Line() const {
  if (drained_by_) {
    const auto left = std::chrono::ceil<seconds>(*drained_by_ - Clock::now()).count();
    return fmt::format("Draining: {}, {} s left", Plural(view_.jobs.size(), "job"),
                       std::max<int64_t>(left, 0));
  }
  const auto loaded = std::count_if(view_.models.begin(), view_.models.end(), [](const auto& one) {
    return one->state == ModelState::kReady;
  });
  if (view_.state == "starting") {
    for (const auto& model : view_.models) {
      if (model->state != ModelState::kLoading) continue;
      return fmt::format("Loading {}, {} of {} loaded", model->config.name, loaded,
                         Plural(view_.models.size(), "model"));
    }
    if (!connection_.connected()) {
      return fmt::format("Waiting for the NATS server at {}", view_.url);
    }
    const std::string wrong = view_.health.Summary();
    return wrong.empty() ? "Starting" : fmt::format("Starting: {}", wrong);
  }
  std::string state = "Ready";
  if (!connection_.connected()) {
    state = fmt::format("Degraded: no NATS server at {}", view_.url);
  } else if (const std::string wrong = view_.health.Summary(); !wrong.empty()) {
    state = fmt::format("Degraded: {}", wrong);
  }
  std::string line = fmt::format(
      "{}: {} ({} loaded), {}, {} queued, {} running", state, Plural(view_.models.size(), "model"),
      loaded, Plural(view_.pool.devices().size(), "device"), view_.jobs.Count(JobState::kQueued),
      view_.jobs.Count(JobState::kRunning));
  if (reloading_) return "Reloading; " + line;
  if (!refusal_.empty()) line += "; the new configuration is not taken: " + refusal_;
  return line;
}

}  // namespace darkroom
