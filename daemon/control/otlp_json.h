// SPDX-License-Identifier: Apache-2.0
//
// Spans as collectors take them by OTLP/HTTP with a JSON body (opentelemetry.io, "OTLP
// Specification": ids in hex, 64-bit numbers as strings, enums as numbers).
//
// Pure functions; any thread.

#ifndef DARKROOM_CONTROL_OTLP_JSON_H_
#define DARKROOM_CONTROL_OTLP_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reply/span.h"

namespace darkroom {

// The body of a request with these spans. `host`: the daemon's name.
std::string OtlpBody(const std::vector<Span>& spans, const std::string& host);

// How many spans the collector did not take although it answered 200, as its body says; 0 if that
// says nothing.
uint64_t RejectedSpans(std::string_view answer);

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_OTLP_JSON_H_
