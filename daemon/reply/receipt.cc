// SPDX-License-Identifier: Apache-2.0

#include "reply/receipt.h"

#include <fmt/format.h>

#include <string_view>

namespace darkroom {
namespace {

void Put(Envelope* envelope, const char* name, std::string_view value) {
  if (!value.empty()) envelope->Header(name, value);
}

void PutMs(Envelope* envelope, const char* name, double ms) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), "{:.3f}", ms);
  envelope->Header(name, {text.data(), text.size()});
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
  Put(envelope, "Darkroom-Device", device);
  PutMs(envelope, "Darkroom-Queue-Ms", queue_ms);
  PutMs(envelope, "Darkroom-Load-Ms", load_ms);
  PutMs(envelope, "Darkroom-Run-Ms", run_ms);
  Put(envelope, "Darkroom-Attempts", fmt::format_int(attempts).c_str());
}

}  // namespace darkroom
