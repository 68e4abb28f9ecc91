// SPDX-License-Identifier: Apache-2.0
//
// LogLines is a Logger for tests that keeps what is written. Its functions may be called on any
// thread.

#ifndef DARKROOM_TESTS_WORKER_LOG_LINES_H_
#define DARKROOM_TESTS_WORKER_LOG_LINES_H_

#include <spdlog/sinks/ringbuffer_sink.h>

#include <memory>
#include <string>
#include <vector>

#include "core/log.h"

namespace darkroom {

class LogLines {
 public:
  LogLines() {
    logger_.set_level(spdlog::level::debug);
    logger_.set_pattern("%l: %v");
  }

  Logger& logger() { return logger_; }

  // "error: what was said", without the line's end.
  std::vector<std::string> lines() const {
    std::vector<std::string> lines = sink_->last_formatted();
    for (std::string& line : lines) line.pop_back();
    return lines;
  }

 private:
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(1000);
  Logger logger_{"test", sink_};
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_WORKER_LOG_LINES_H_
