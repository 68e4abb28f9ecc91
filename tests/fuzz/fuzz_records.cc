// SPDX-License-Identifier: Apache-2.0
//
// What a worker, which a plugin may have taken over, says to the daemon.

#include <cstddef>
#include <cstdint>

#include "worker/metric_record.h"
#include "worker/records.h"
#include "worker/result_record.h"
#include "worker/set_up_text.h"

namespace {

void ReadAsResult(darkroom::RecordReader body) {
  darkroom::ResultRecord result;
  (void)darkroom::ReadResult(&body, &result);
}

void ReadAsMetrics(darkroom::RecordReader body) {
  std::vector<darkroom::host::MetricValue> values;
  (void)darkroom::ReadMetrics(&body, &values);
}

// As those read that have a text and a status in them.
void ReadAsWords(darkroom::RecordReader body) {
  body.Get<uint64_t>();
  (void)body.GetStatus();
  while (body.ok() && !body.at_end()) body.Text();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const darkroom::Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  darkroom::RecordReader packet(bytes);
  darkroom::RecordHead head{};
  darkroom::RecordReader body(bytes);
  while (packet.Next(&head, &body)) {
    ReadAsResult(body);
    ReadAsMetrics(body);
    ReadAsWords(body);
  }
  darkroom::host::HostOptions host;
  darkroom::SandboxRules sandbox;
  (void)darkroom::ReadSetUp({reinterpret_cast<const char*>(data), size}, &host, &sandbox);
  return 0;
}
