// SPDX-License-Identifier: Apache-2.0

#include "sdxl/fingerprint.h"

#include <algorithm>

namespace darkroom::sdxl {
namespace {

// Of each end of a tensor, in bytes.
constexpr size_t kSample = 64;

std::string_view BytesOf(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

}  // namespace

void Fingerprint::Add(std::string_view bytes) {
  Add(static_cast<uint64_t>(bytes.size()));
  for (const char byte : bytes)
    value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
}

void Fingerprint::Add(uint64_t number) {
  for (int i = 0; i < 8; ++i) value_ = (value_ ^ (number >> (8 * i) & 0xff)) * 0x100000001b3;
}

void Fingerprint::Add(const at::Tensor& tensor) {
  const at::Tensor compact = tensor.contiguous();
  Add(static_cast<uint64_t>(compact.scalar_type()));
  Add(static_cast<uint64_t>(compact.dim()));
  for (const int64_t edge : compact.sizes()) Add(static_cast<uint64_t>(edge));
  Add(BytesOf(compact));
}

void Fingerprint::AddSample(const Checkpoint& weights) {
  for (const auto& [name, tensor] : weights.tensors()) {
    Add(name);
    Add(static_cast<uint64_t>(tensor.scalar_type()));
    for (const int64_t edge : tensor.sizes()) Add(static_cast<uint64_t>(edge));
    const std::string_view bytes = BytesOf(tensor);
    const size_t end = std::min(kSample, bytes.size());
    Add(bytes.substr(0, end));
    Add(bytes.substr(bytes.size() - end));
  }
}

}  // namespace darkroom::sdxl
