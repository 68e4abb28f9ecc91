// SPDX-License-Identifier: Apache-2.0

#include "worker/result_record.h"

#include <cmath>
#include <utility>

namespace darkroom {
namespace {

// Times go on into receipts and means, which one that is no time would spoil.
double TimeOf(RecordReader* in) {
  const auto ms = in->Get<double>();
  return std::isfinite(ms) && ms >= 0 ? ms : 0;
}

// More than any manifest names, and few enough for a packet.
constexpr uint32_t kMostOutputs = 256;
constexpr uint32_t kMostDimensions = 64;

}  // namespace

void WriteResult(std::vector<std::byte>* packet, uint32_t instance, uint64_t token,
                 const host::JobResult& result, const std::vector<OutputPlace>& places) {
  RecordWriter out(packet, RecordKind::kFinished, instance);
  out.Put(token);
  out.Put(result.status);
  out.Put(result.decode_ms);
  out.Put(result.infer_ms);
  out.Put(result.encode_ms);
  out.Put(result.lane_ms);
  out.Put(result.batch_size);
  out.Put(result.steps);
  out.Put(result.resumed_at);
  out.Put(uint32_t{result.out_of_memory ? 1U : 0U});
  out.Put(static_cast<uint32_t>(result.outputs.size()));
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    const host::Output& output = result.outputs[i];
    out.Put(output.name);
    out.Put(static_cast<uint32_t>(output.kind));
    out.Put(output.content_type);
    out.Put(output.dtype);
    out.Put(static_cast<uint32_t>(output.shape.size()));
    for (const int64_t length : output.shape) out.Put(length);
    out.Put(places[i]);
  }
}

bool ReadResult(RecordReader* in, ResultRecord* out) {
  out->token = in->Get<uint64_t>();
  host::JobResult& result = out->result;
  result.status = in->GetStatus();
  result.decode_ms = TimeOf(in);
  result.infer_ms = TimeOf(in);
  result.encode_ms = TimeOf(in);
  result.lane_ms = TimeOf(in);
  result.batch_size = in->Get<uint32_t>();
  result.steps = in->Get<uint32_t>();
  result.resumed_at = in->Get<uint32_t>();
  result.out_of_memory = in->Get<uint32_t>() != 0;
  const auto count = in->Get<uint32_t>();
  if (count > kMostOutputs) return false;
  for (uint32_t i = 0; i < count && in->ok(); ++i) {
    host::Output output;
    output.name = in->Text();
    const auto kind = in->Get<uint32_t>();
    if (kind > static_cast<uint32_t>(host::OutputKind::kBytes)) return false;
    output.kind = static_cast<host::OutputKind>(kind);
    output.content_type = in->Text();
    output.dtype = in->Text();
    const auto dimensions = in->Get<uint32_t>();
    if (dimensions > kMostDimensions) return false;
    for (uint32_t axis = 0; axis < dimensions; ++axis) output.shape.push_back(in->Get<int64_t>());
    out->places.push_back(in->Get<OutputPlace>());
    result.outputs.push_back(std::move(output));
  }
  return in->ok();
}

}  // namespace darkroom
