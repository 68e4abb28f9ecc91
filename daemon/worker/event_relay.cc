// SPDX-License-Identifier: Apache-2.0

#include "worker/event_relay.h"

#include <utility>

namespace darkroom {

spdlog::level::level_enum SpdlogLevel(host::LogLevel level) {
  switch (level) {
    case host::LogLevel::kDebug:
      return spdlog::level::debug;
    case host::LogLevel::kInfo:
      return spdlog::level::info;
    case host::LogLevel::kWarning:
      return spdlog::level::warn;
    case host::LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

EventRelay::EventRelay(boost::asio::io_context& io, std::string model, Logger& log, Reader reader)
    : model_(std::move(model)),
      log_(log),
      events_(io, [reader = std::move(reader)](std::vector<HostEvent>& events) {
        for (HostEvent& event : events) reader(std::move(event));
      }) {}

void EventRelay::OnLoaded(Status status, double load_ms) {
  HostEvent event{HostEvent::Kind::kLoaded, 0, {}, 0, {}};
  event.result.status = std::move(status);
  event.result.load_ms = load_ms;
  events_.Put(std::move(event));
}

void EventRelay::OnFinished(uint64_t token, host::JobResult result) {
  events_.Put({HostEvent::Kind::kFinished, token, std::move(result), 0, {}});
}

void EventRelay::OnBatchDone() { events_.Put({HostEvent::Kind::kBatchDone, 0, {}, 0, {}}); }

void EventRelay::OnUnloaded() { events_.Put({HostEvent::Kind::kUnloaded, 0, {}, 0, {}}); }

void EventRelay::OnProgress(uint64_t token, double fraction, std::string_view stage) {
  events_.Put({HostEvent::Kind::kProgress, token, {}, fraction, std::string(stage)});
}

void EventRelay::OnLog(host::LogLevel level, std::string_view message) {
  log_.log(SpdlogLevel(level), "{}: {}", model_, message);
}

}  // namespace darkroom
