// SPDX-License-Identifier: Apache-2.0

#include "worker/metric_record.h"

#include <cmath>
#include <utility>

#include "core/excerpt.h"
#include "core/metric_name.h"

namespace darkroom {
namespace {

constexpr size_t kLongestHelp = 200;

}  // namespace

void WriteMetrics(std::vector<std::byte>* packet, uint32_t instance,
                  const std::vector<host::MetricValue>& values) {
  RecordWriter out(packet, RecordKind::kMetrics, instance);
  out.Put(static_cast<uint32_t>(values.size()));
  for (const host::MetricValue& value : values) {
    out.Put(static_cast<uint32_t>(value.kind));
    out.Put(value.name);
    out.Put(Excerpt(value.help, kLongestHelp));
    out.Put(value.value);
    out.Put(value.count);
  }
}

bool ReadMetrics(RecordReader* in, std::vector<host::MetricValue>* values) {
  const auto count = in->Get<uint32_t>();
  if (!in->ok() || count > kMostMetrics) return false;
  for (uint32_t i = 0; i < count; ++i) {
    const auto kind = in->Get<uint32_t>();
    host::MetricValue value;
    value.name = in->Text();
    value.help = in->Text();
    value.value = in->Get<double>();
    value.count = in->Get<uint64_t>();
    if (!in->ok() || kind > static_cast<uint32_t>(host::MetricKind::kHistogram)) return false;
    value.kind = static_cast<host::MetricKind>(kind);
    const bool falls = value.kind == host::MetricKind::kCounter && value.value < 0;
    if (!IsMetricName(value.name) || !std::isfinite(value.value) || falls) return false;
    values->push_back(std::move(value));
  }
  return true;
}

}  // namespace darkroom
