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

EventRelay::EventRelay(boost::asio::io_context& io, std::string model, Logger& log,
                       host::Events* target)
    : model_(std::move(model)), log_(log), events_(io, [target](std::vector<Event>& events) {
        for (Event& event : events) Deliver(std::move(event), target);
      }) {}

void EventRelay::Deliver(Event event, host::Events* target) {
  switch (event.kind) {
    case Event::Kind::kCreated:
      target->OnCreated(std::move(event.result.status));
      break;
    case Event::Kind::kLost:
      target->OnLost(std::move(event.result.status), std::move(event.suspects));
      break;
    case Event::Kind::kLoaded:
      target->OnLoaded(std::move(event.result.status), event.number);
      break;
    case Event::Kind::kFinished:
      target->OnFinished(event.token, std::move(event.result));
      break;
    case Event::Kind::kBatchDone:
      target->OnBatchDone();
      break;
    case Event::Kind::kPaused:
      target->OnPaused();
      break;
    case Event::Kind::kUnloaded:
      target->OnUnloaded();
      break;
    case Event::Kind::kReserve:
      target->OnReserve(event.token);
      break;
    case Event::Kind::kProgress:
      target->OnProgress(event.token, event.number, event.stage);
      break;
    case Event::Kind::kPreview:
      target->OnPreview(event.token, std::move(event.preview));
      break;
    case Event::Kind::kSaved:
      target->OnSaved(event.token, std::move(event.state));
      break;
    case Event::Kind::kMetrics:
      target->OnMetrics(std::move(event.metrics));
      break;
  }
}

void EventRelay::OnCreated(Status status) {
  Event event{Event::Kind::kCreated, 0, {}, 0, {}, {}};
  event.result.status = std::move(status);
  events_.Put(std::move(event));
}

void EventRelay::OnLost(Status why, std::vector<uint64_t> suspects) {
  Event event{Event::Kind::kLost, 0, {}, 0, {}, std::move(suspects)};
  event.result.status = std::move(why);
  events_.Put(std::move(event));
}

void EventRelay::OnLoaded(Status status, double load_ms) {
  Event event{Event::Kind::kLoaded, 0, {}, 0, {}, {}};
  event.result.status = std::move(status);
  event.number = load_ms;
  events_.Put(std::move(event));
}

void EventRelay::OnFinished(uint64_t token, host::JobResult result) {
  events_.Put({Event::Kind::kFinished, token, std::move(result), 0, {}, {}});
}

void EventRelay::OnBatchDone() { events_.Put({Event::Kind::kBatchDone, 0, {}, 0, {}, {}}); }

void EventRelay::OnPaused() { events_.Put({Event::Kind::kPaused, 0, {}, 0, {}, {}}); }

void EventRelay::OnUnloaded() { events_.Put({Event::Kind::kUnloaded, 0, {}, 0, {}, {}}); }

void EventRelay::OnReserve(uint64_t bytes) {
  events_.Put({Event::Kind::kReserve, bytes, {}, 0, {}, {}});
}

void EventRelay::OnProgress(uint64_t token, double fraction, std::string_view stage) {
  events_.Put({Event::Kind::kProgress, token, {}, fraction, std::string(stage), {}});
}

void EventRelay::OnPreview(uint64_t token, Buffer jpeg) {
  events_.Put({Event::Kind::kPreview, token, {}, 0, {}, {}, {}, {}, std::move(jpeg)});
}

void EventRelay::OnSaved(uint64_t token, SavedState state) {
  events_.Put({Event::Kind::kSaved, token, {}, 0, {}, {}, std::move(state)});
}

void EventRelay::OnMetrics(std::vector<host::MetricValue> values) {
  events_.Put({Event::Kind::kMetrics, 0, {}, 0, {}, {}, {}, std::move(values)});
}

void EventRelay::OnLog(host::LogLevel level, std::string_view message) {
  log_.log(SpdlogLevel(level), "{}: {}", model_, message);
}

}  // namespace darkroom
