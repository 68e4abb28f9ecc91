// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/byte_stream.h"

#include <cstring>
#include <darkroom/plugin.hpp>
#include <vector>

namespace darkroom::diffusion {
namespace {

constexpr uint64_t kUndefined = ~uint64_t{0};
constexpr uint64_t kMaxDimensions = 8;

// The dtypes of latents, and of a random generator's state.
constexpr at::ScalarType kDtypes[] = {at::kByte, at::kFloat, at::kHalf, at::kBFloat16, at::kDouble};

}  // namespace

void ByteWriter::Add(uint64_t number) {
  for (int i = 0; i < 8; ++i) bytes_ += static_cast<char>(number >> (8 * i) & 0xff);
}

void ByteWriter::Add(std::string_view text) {
  Add(static_cast<uint64_t>(text.size()));
  bytes_ += text;
}

void ByteWriter::Add(const at::Tensor& tensor) {
  if (!tensor.defined()) {
    Add(kUndefined);
    return;
  }
  const at::Tensor compact = tensor.cpu().contiguous();
  Add(static_cast<uint64_t>(compact.scalar_type()));
  Add(static_cast<uint64_t>(compact.dim()));
  for (const int64_t edge : compact.sizes()) Add(static_cast<uint64_t>(edge));
  bytes_.append(static_cast<const char*>(compact.const_data_ptr()), compact.nbytes());
}

void ByteReader::Damaged(const std::string& why) {
  throw Error(DR_FAILED_PRECONDITION,
              "the run's checkpoint is damaged: " + why + "; begin the run anew");
}

uint64_t ByteReader::Number() {
  if (rest_.size() < 8) Damaged("it ends too early");
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i)
    number |= static_cast<uint64_t>(static_cast<uint8_t>(rest_[i])) << (8 * i);
  rest_.remove_prefix(8);
  return number;
}

std::string_view ByteReader::Text() {
  const uint64_t size = Number();
  if (size > rest_.size()) Damaged("it has a text that is longer than the rest of it");
  const std::string_view text = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return text;
}

at::Tensor ByteReader::Tensor() {
  const uint64_t code = Number();
  if (code == kUndefined) return {};
  const at::ScalarType* dtype = nullptr;
  for (const at::ScalarType& known : kDtypes)
    if (static_cast<uint64_t>(known) == code) dtype = &known;
  if (dtype == nullptr) Damaged("it has a tensor of an unknown dtype");
  const uint64_t dimensions = Number();
  if (dimensions > kMaxDimensions) Damaged("it has a tensor of too many dimensions");
  std::vector<int64_t> shape;
  uint64_t bytes = c10::elementSize(*dtype);
  for (uint64_t i = 0; i < dimensions; ++i) {
    const uint64_t edge = Number();
    // Both factors are at most this then, so their product cannot overflow.
    if (edge > rest_.size() || bytes > rest_.size() || edge > UINT32_MAX || bytes > UINT32_MAX)
      Damaged("it has a tensor that is larger than the rest of it");
    bytes *= edge;
    shape.push_back(static_cast<int64_t>(edge));
  }
  if (bytes > rest_.size()) Damaged("it has a tensor that is larger than the rest of it");
  at::Tensor tensor = at::empty(shape, *dtype);
  std::memcpy(tensor.mutable_data_ptr(), rest_.data(), bytes);
  rest_.remove_prefix(bytes);
  return tensor;
}

void ByteReader::CheckEnd() const {
  if (!rest_.empty()) Damaged("it goes on after its end");
}

}  // namespace darkroom::diffusion
