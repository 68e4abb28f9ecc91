// SPDX-License-Identifier: Apache-2.0
//
// A Load keeps a fixed number of requests in flight towards one responder: whoever gets a reply
// sends the next request. NATS and HTTP are its two implementations; both count and check with the
// same Slot and Meter, so that peers of both kinds are timed alike.
//
// One thread owns a load and calls Open, Start, Finish in this order, once each. Replies are
// handled on a thread of the load's own, which has ended or fallen silent when Finish returns. The
// Meter outlives the load.

#ifndef DARKROOM_BENCH_ECHO_LOAD_H_
#define DARKROOM_BENCH_ECHO_LOAD_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "echo/meter.h"

namespace darkroom {

struct LoadPlan {
  std::string url;      // nats://host:port or http://host:port/path
  std::string subject;  // NATS only
  std::size_t concurrency = 1;
  std::size_t size = 1024;
  // HTTP only, for servers that speak a protocol of their own within it: further lines of the
  // request's head, and that something precedes a reply's bytes.
  std::vector<std::string> headers;
  bool reply_has_prefix = false;
};

class Load {
 public:
  virtual ~Load() = default;
  // Connects and waits until one request has had its right answer, trying again until `patience` is
  // over.
  virtual Status Open(std::chrono::milliseconds patience) = 0;
  // Sends the first request of every slot.
  virtual Status Start() = 0;
  // Sends nothing more and waits for what is in flight. What has not come after `patience` is an
  // error each.
  virtual void Finish(std::chrono::milliseconds patience) = 0;
};

std::unique_ptr<Load> MakeNatsLoad(const LoadPlan& plan, Meter* meter);
std::unique_ptr<Load> MakeHttpLoad(const LoadPlan& plan, Meter* meter);

// A load stops sending after so many errors: a responder that only fails must not be asked in a
// tight loop.
inline constexpr uint64_t kErrorLimit = 100;

}  // namespace darkroom

#endif  // DARKROOM_BENCH_ECHO_LOAD_H_
