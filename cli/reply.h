// SPDX-License-Identifier: Apache-2.0
//
// Reading replies: the typed error, or the receipt that says what made the result.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_REPLY_H_
#define DARKROOM_CLI_REPLY_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cli/event_queue.h"
#include "core/status.h"

namespace darkroom {

// The error of a reply with `Nats-Service-Error-Code`, or nothing where the reply is a result.
std::optional<Status> ErrorOf(const Incoming& reply);

// The status of an error reply's body, number and text: the body's code decides, then the number.
Status ParseError(std::string_view body, const std::string& number, const std::string& text);

// The receipt headers: {"host", "plugin", "weights", "device", "seed", "attempts", "resumed_at",
// "queue_ms", "waited", "load_ms", "run_ms"}, each null where the reply does not say it.
nlohmann::json ReceiptOf(const Incoming& reply);

// "412.3 KiB image/png, ran 812 ms, photo-enhance, enhance 1.0.0, cpu"; and ", seed 815" where
// there is one.
std::string Summary(size_t bytes, std::string_view content_type, const std::string& model,
                    const nlohmann::json& receipt);

}  // namespace darkroom

#endif  // DARKROOM_CLI_REPLY_H_
