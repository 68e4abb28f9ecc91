// SPDX-License-Identifier: Apache-2.0

#include "reply/result_body.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base64.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

// `Value`s of a tensor, one after another. Copied out one by one, since the bytes need not be
// aligned.
template <typename Value>
json Numbers(Bytes bytes) {
  auto list = json::array();
  list.get_ref<json::array_t&>().reserve(bytes.size() / sizeof(Value));
  for (size_t at = 0; at + sizeof(Value) <= bytes.size(); at += sizeof(Value)) {
    Value value;
    std::memcpy(&value, bytes.data() + at, sizeof(Value));
    list.push_back(value);
  }
  return list;
}

// The tensor's numbers; null for types that JSON has no numbers for, which then travel as bytes.
json TensorData(const host::Output& output) {
  const Bytes bytes = output.bytes.bytes();
  if (output.dtype == "float32") return Numbers<float>(bytes);
  if (output.dtype == "float64") return Numbers<double>(bytes);
  if (output.dtype == "int64") return Numbers<int64_t>(bytes);
  if (output.dtype == "int32") return Numbers<int32_t>(bytes);
  if (output.dtype == "int16") return Numbers<int16_t>(bytes);
  if (output.dtype == "int8") return Numbers<int8_t>(bytes);
  if (output.dtype == "uint8") return Numbers<uint8_t>(bytes);
  return nullptr;
}

bool IsCbor(ReplyForm::Body form) {
  return form == ReplyForm::Body::kCbor || form == ReplyForm::Body::kCborBytes;
}

// Whether tensors are bytes in it, as all else that is no text.
bool HasBytesAlone(ReplyForm::Body form) {
  return form == ReplyForm::Body::kJsonBytes || form == ReplyForm::Body::kCborBytes;
}

void PutBytes(Bytes bytes, ReplyForm::Body form, json* object) {
  if (IsCbor(form)) {
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
    (*object)["bytes"] = json::binary({data, data + bytes.size()});
  } else {
    (*object)["base64"] = Base64Encode(bytes);
  }
}

json FormOutput(const host::Output& output, ReplyForm::Body form) {
  const Bytes bytes = output.bytes.bytes();
  json object = json::object();
  switch (output.kind) {
    case host::OutputKind::kText:
      object["text"] = AsText(bytes);
      return object;
    case host::OutputKind::kTensor: {
      object["dtype"] = output.dtype;
      object["shape"] = output.shape;
      json data = HasBytesAlone(form) ? json() : TensorData(output);
      if (!data.is_null()) {
        object["data"] = std::move(data);
      } else {
        PutBytes(bytes, form, &object);
      }
      return object;
    }
    case host::OutputKind::kImage:
      object["shape"] = output.shape;
      break;
    case host::OutputKind::kBytes:
      break;
  }
  object["content_type"] = output.content_type;
  PutBytes(bytes, form, &object);
  return object;
}

// A body holds one output as it is; several, which a model gives that may give one, are JSON.
ReplyForm::Body FormFor(ReplyForm::Body form, size_t outputs) {
  return form == ReplyForm::Body::kRaw && outputs != 1 ? ReplyForm::Body::kJson : form;
}

// Hands a container's bytes over without copying them.
template <typename Container>
Buffer Own(Container container) {
  auto* owned = new Container(std::move(container));
  return Buffer::Adopt(owned->data(), owned->size(), owned,
                       [](void* owner) { delete static_cast<Container*>(owner); });
}

}  // namespace

ResultBody FormResult(ReplyForm::Body form, const std::string& job,
                      std::vector<host::Output> outputs) {
  form = FormFor(form, outputs.size());
  if (form == ReplyForm::Body::kRaw) {
    return {std::move(outputs[0].content_type), std::move(outputs[0].bytes)};
  }
  json all = json::object();
  for (const host::Output& output : outputs) all[output.name] = FormOutput(output, form);
  const json body = {{"job", job}, {"outputs", std::move(all)}};
  if (IsCbor(form)) return {"application/cbor", Own(json::to_cbor(body))};
  return {"application/json", Own(WriteJson(body))};
}

uint64_t LeastResultBytes(ReplyForm::Body form, const std::vector<host::Output>& outputs) {
  form = FormFor(form, outputs.size());
  uint64_t sum = 0;
  for (const host::Output& output : outputs) {
    const uint64_t size = output.bytes.size();
    const bool tensor = output.kind == host::OutputKind::kTensor;
    const bool base64 =
        form == ReplyForm::Body::kJsonBytes
            ? output.kind != host::OutputKind::kText
            : form == ReplyForm::Body::kJson && !tensor && output.kind != host::OutputKind::kText;
    // A number of a tensor takes two characters or more in JSON, one byte or more in CBOR, up to
    // eight bytes here.
    const bool numbers = form != ReplyForm::Body::kRaw && !HasBytesAlone(form) && tensor;
    sum += base64 ? (size + 2) / 3 * 4 : numbers ? size / 8 : size;
  }
  return sum;
}

uint64_t MostResultBytes(ReplyForm::Body form, const std::vector<host::Output>& outputs) {
  form = FormFor(form, outputs.size());
  if (form == ReplyForm::Body::kRaw) return LeastResultBytes(form, outputs);
  // What stands around an output: its name, type and shape.
  constexpr uint64_t kAround = 1024;
  uint64_t sum = kAround;
  for (const host::Output& output : outputs) {
    // A control character is six in JSON; a byte's number with its comma four, a float's sixteen
    // for its four bytes. In CBOR a number is nine bytes at most, for one that has four or more.
    const bool base64 =
        output.kind == host::OutputKind::kImage || output.kind == host::OutputKind::kBytes;
    const uint64_t growth = IsCbor(form) ? 3 : base64 ? 2 : 6;
    sum += growth * output.bytes.size() + output.name.size() + kAround;
  }
  return sum;
}

}  // namespace darkroom
