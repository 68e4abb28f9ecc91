// SPDX-License-Identifier: Apache-2.0
//
// The daemon's log: one line an event, on standard error. Made once by main and handed to whoever
// speaks; there is no global logger. Payloads and secrets are never logged; what concerns a job
// begins with its id.
//
// A Logger may be used from any thread.

#ifndef DARKROOM_CORE_LOG_H_
#define DARKROOM_CORE_LOG_H_

#include <spdlog/logger.h>

#include <memory>
#include <string>

#include "core/status.h"

namespace darkroom {

using Logger = spdlog::logger;

enum class LogFormat {
  kAuto,  // journal prefixes when standard error is the journal, else text
  kText,  // time, level, words; coloured on a terminal
  kJson,  // one object a line
};

// `level` is debug, info, warning or error.
Result<std::shared_ptr<Logger>> MakeLogger(const std::string& level, LogFormat format);

}  // namespace darkroom

#endif  // DARKROOM_CORE_LOG_H_
