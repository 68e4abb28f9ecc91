// SPDX-License-Identifier: Apache-2.0
//
// One request to a collector of traces, and what its answer means for what was sent.
//
// PostSpans blocks, up to its time; for the exporter's own thread.

#ifndef DARKROOM_CONTROL_TRACE_POST_H_
#define DARKROOM_CONTROL_TRACE_POST_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/status.h"

namespace darkroom {

struct PostAnswer {
  unsigned status = 0;  // HTTP's; 0: there was no answer
  std::string body;
  std::string error;                           // why there was none
  std::optional<std::chrono::seconds> wait{};  // what it asks for before the next (Retry-After)

  bool taken() const { return status >= 200 && status < 300; }
  // The same may be taken later: it is busy, or was not there.
  bool again() const {
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
  }
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// The headers in the text of a file, one a line; empty lines and those that begin with # are left
// out. An error names the line, and none of what stands there, which may be secret.
Result<HttpHeaders> ParseHeaders(std::string_view text);

// Sends a body to the collector. What cannot be done within `time` is given up.
PostAnswer PostSpans(const TracingConfig& to, const std::string& body,
                     std::chrono::milliseconds time);

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_TRACE_POST_H_
