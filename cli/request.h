// SPDX-License-Identifier: Apache-2.0
//
// Request building: inputs and params become the subject, headers and body that docs/protocol.md
// describes.
//
// One input without a name travels as it is, the whole body, with its params in a header: nothing
// is copied or encoded, and the daemon can decode it in place. Everything else is one CBOR object,
// in which bytes stay bytes.
//
// Pure, save TraceFromEnvironment and MakeJobId, which asks the system for randomness. One thread.

#ifndef DARKROOM_CLI_REQUEST_H_
#define DARKROOM_CLI_REQUEST_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/input.h"
#include "core/status.h"
#include "core/trace_context.h"

namespace darkroom {

// A message to be sent: what a Client needs, and nothing of NATS.
struct Outgoing {
  std::string subject;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct RequestParts {
  std::string subject;
  std::string job;
  std::vector<Input> inputs;
  nlohmann::json params = nlohmann::json::object();
  // The name that an unnamed input has beside others; see NeedsFirstName.
  std::string first_name;
  std::string accept;  // empty: the model's natural form
  std::optional<std::chrono::milliseconds> deadline;
  bool progress = false;
  TraceContext trace;  // that the request is part of
};

// What $TRACEPARENT and $TRACESTATE say, as programs tell it to those that they start. What is
// malformed there is as if it were not set.
TraceContext TraceFromEnvironment();

// Whether BuildRequest must be told what the model calls its first input: one has no name, and
// another has.
bool NeedsFirstName(const std::vector<InputArgument>& inputs);

// Takes the inputs' bytes out of `parts`.
Result<Outgoing> BuildRequest(RequestParts parts);

// 20 random characters of [A-Za-z0-9]: 119 bits, so that no two requesters meet.
Result<std::string> MakeJobId();

// Names become tokens of subjects, where "*", ">" and "." would mean something.
bool IsToken(std::string_view text);            // [A-Za-z0-9_-]+
bool IsJobId(std::string_view text);            // [A-Za-z0-9_-]{1,64}
bool IsConcreteSubject(std::string_view text);  // tokens without wildcards or white space

}  // namespace darkroom

#endif  // DARKROOM_CLI_REQUEST_H_
