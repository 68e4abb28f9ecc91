// SPDX-License-Identifier: Apache-2.0

#include "host/tensor.h"

#include <array>
#include <cstring>
#include <utility>

namespace darkroom::host {
namespace {

constexpr std::array<std::pair<std::string_view, dr_dtype_t>, 13> kDtypes = {{
    {"uint8", {1, 8, 1}},
    {"float32", {2, 32, 1}},
    {"float16", {2, 16, 1}},
    {"bfloat16", {4, 16, 1}},
    {"float64", {2, 64, 1}},
    {"int8", {0, 8, 1}},
    {"int16", {0, 16, 1}},
    {"int32", {0, 32, 1}},
    {"int64", {0, 64, 1}},
    {"uint16", {1, 16, 1}},
    {"uint32", {1, 32, 1}},
    {"uint64", {1, 64, 1}},
    {"bool", {6, 8, 1}},
}};

// Copies the dimensions from `dim` on. `from` is the address of the first element of this part.
std::byte* CopyPart(const dr_tensor_t& tensor, int32_t dim, const std::byte* from, std::byte* out) {
  const size_t size = ElementSize(tensor.dtype);
  if (dim == tensor.ndim) {
    std::memcpy(out, from, size);
    return out + size;
  }
  if (dim == tensor.ndim - 1 && tensor.strides[dim] == 1) {
    const size_t bytes = static_cast<size_t>(tensor.shape[dim]) * size;
    std::memcpy(out, from, bytes);
    return out + bytes;
  }
  const int64_t step = tensor.strides[dim] * static_cast<int64_t>(size);
  for (int64_t i = 0; i < tensor.shape[dim]; ++i) {
    out = CopyPart(tensor, dim + 1, from + i * step, out);
  }
  return out;
}

}  // namespace

std::optional<std::string_view> DtypeName(dr_dtype_t dtype) {
  for (const auto& [name, known] : kDtypes) {
    if (SameDtype(known, dtype)) return name;
  }
  return std::nullopt;
}

std::optional<dr_dtype_t> DtypeFromName(std::string_view name) {
  for (const auto& [known, dtype] : kDtypes) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

Result<uint64_t> TensorBytes(dr_dtype_t dtype, int32_t ndim, const int64_t* shape) {
  if (!DtypeName(dtype)) {
    return Status::Internal("a dtype with code " + std::to_string(dtype.code) + ", " +
                            std::to_string(dtype.bits) + " bits and " +
                            std::to_string(dtype.lanes) + " lanes is not known");
  }
  if (ndim < 0 || ndim > kMaxDims || (ndim > 0 && shape == nullptr)) {
    return Status::Internal("a tensor has from 0 to " + std::to_string(kMaxDims) + " dimensions");
  }
  uint64_t bytes = ElementSize(dtype);
  bool empty = false;
  for (int32_t i = 0; i < ndim; ++i) {
    if (shape[i] < 0) return Status::Internal("a length of a tensor is negative");
    // An empty tensor's other lengths must not overflow either: strides are computed from them.
    const uint64_t length = shape[i] == 0 ? 1 : static_cast<uint64_t>(shape[i]);
    empty = empty || shape[i] == 0;
    if (__builtin_mul_overflow(bytes, length, &bytes) || bytes > INT64_MAX) {
      return Status::ResourceExhausted("a tensor's size is beyond what can be addressed");
    }
  }
  return empty ? 0 : bytes;
}

bool IsCompact(const dr_tensor_t& tensor) {
  if (tensor.strides == nullptr) return true;
  int64_t expected = 1;
  for (int32_t i = tensor.ndim - 1; i >= 0; --i) {
    if (tensor.shape[i] == 0) return true;  // there are no elements that could lie apart
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

void CopyCompact(const dr_tensor_t& tensor, std::byte* out) {
  CopyPart(tensor, 0, TensorData(tensor), out);
}

void FillStrides(const std::vector<int64_t>& shape, std::vector<int64_t>* strides) {
  strides->resize(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    (*strides)[i] = step;
    step *= shape[i] > 0 ? shape[i] : 1;
  }
}

}  // namespace darkroom::host
