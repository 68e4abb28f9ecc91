// SPDX-License-Identifier: Apache-2.0
//
// EventRelay brings what the host in this process reports of one instance from the instance's lane
// thread to the io_context's thread, in its order, several at a time.
//
// Events are put on the lane's thread; those of the target run on the io_context's. Log lines are
// written at once, where they arise. Close is called there, too: the target hears no more.

#ifndef DARKROOM_WORKER_EVENT_RELAY_H_
#define DARKROOM_WORKER_EVENT_RELAY_H_

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/mailbox.h"
#include "host/host_api.h"

namespace darkroom {

spdlog::level::level_enum SpdlogLevel(host::LogLevel level);

class EventRelay : public host::Events {
 public:
  EventRelay(boost::asio::io_context& io, std::string model, Logger& log, host::Events* target);

  void Close() { events_.Close(); }

  void OnCreated(Status status) override;
  void OnLost(Status why, std::vector<uint64_t> suspects) override;
  void OnLoaded(Status status, double load_ms) override;
  void OnFinished(uint64_t token, host::JobResult result) override;
  void OnBatchDone() override;
  void OnPaused() override;
  void OnUnloaded() override;
  void OnReserve(uint64_t bytes) override;
  void OnProgress(uint64_t token, double fraction, std::string_view stage) override;
  void OnPreview(uint64_t token, Buffer jpeg) override;
  void OnSaved(uint64_t token, SavedState state) override;
  void OnLog(host::LogLevel level, std::string_view message) override;
  void OnMetrics(std::vector<host::MetricValue> values) override;

 private:
  struct Event {
    enum class Kind : uint8_t {
      kCreated,
      kLost,
      kLoaded,
      kFinished,
      kBatchDone,
      kPaused,
      kUnloaded,
      kReserve,
      kProgress,
      kPreview,
      kSaved,
      kMetrics
    };
    Kind kind;
    uint64_t token = 0;      // of a job; the bytes of kReserve
    host::JobResult result;  // of a job; of others their status
    double number = 0;       // progress; milliseconds of a load
    std::string stage;
    std::vector<uint64_t> suspects;
    SavedState state = {};
    std::vector<host::MetricValue> metrics = {};
    Buffer preview = {};
  };

  static void Deliver(Event event, host::Events* target);

  std::string model_;
  Logger& log_;
  Mailbox<Event> events_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_EVENT_RELAY_H_
