// SPDX-License-Identifier: Apache-2.0
//
// Delivery is what the subject that a pulled job is to be acknowledged on tells of it.
//
// A plain value; any thread. Source: ADR-15 ($JS.ACK's two forms).

#ifndef DARKROOM_DURABLE_DELIVERY_H_
#define DARKROOM_DURABLE_DELIVERY_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace darkroom {

struct Delivery {
  std::string ack;         // the subject
  uint64_t delivered = 0;  // how often it was, with this time
  uint64_t sequence = 0;   // of the job in its stream
  std::chrono::system_clock::time_point stored{};

  // Nothing: it is no such subject.
  static std::optional<Delivery> Parse(std::string_view ack_subject);
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_DELIVERY_H_
