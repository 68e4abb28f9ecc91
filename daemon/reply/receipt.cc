// SPDX-License-Identifier: Apache-2.0

#include "reply/receipt.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <cmath>

namespace darkroom {
namespace {

void Put(Envelope* envelope, const char* name, const std::string& value) {
  if (!value.empty()) envelope->Header(name, value);
}

void PutMs(Envelope* envelope, const char* name, double ms) {
  // By whole numbers, which take a third of the time of a double.
  const auto us = static_cast<int64_t>(std::llround(ms * 1000));
  envelope->Header(name, fmt::format(FMT_COMPILE("{}.{:03}"), us / 1000, us % 1000));
}

}  // namespace

void Receipt::WriteTo(Envelope* envelope) const {
  Put(envelope, "Darkroom-Job", job);
  if (model != nullptr) {
    Put(envelope, "Darkroom-Model", model->model);
    Put(envelope, "Darkroom-Plugin", model->plugin);
    Put(envelope, "Darkroom-Weights", model->weights);
    Put(envelope, "Darkroom-Host", model->host);
  }
  if (attempts == 0) return;
  Put(envelope, "Darkroom-Seed", seed);
  Put(envelope, "Darkroom-Device", device);
  PutMs(envelope, "Darkroom-Queue-Ms", queue_ms);
  Put(envelope, "Darkroom-Waited", waited);
  PutMs(envelope, "Darkroom-Load-Ms", load_ms);
  PutMs(envelope, "Darkroom-Run-Ms", run_ms);
  Put(envelope, "Darkroom-Attempts", fmt::format_int(attempts).str());
  if (resumed_at > 0) Put(envelope, "Darkroom-Resumed-At", fmt::format_int(resumed_at).str());
}

}  // namespace darkroom
