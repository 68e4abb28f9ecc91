// SPDX-License-Identifier: Apache-2.0
//
// Arithmetic on the ABI's tensors: sizes without overflow, names of dtypes, compact copies. What
// plugins hand over is checked here before it is believed.
//
// Pure functions; any thread.

#ifndef DARKROOM_HOST_TENSOR_H_
#define DARKROOM_HOST_TENSOR_H_

#include <darkroom/plugin.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "core/status.h"

namespace darkroom::host {

inline constexpr int32_t kMaxDims = 16;
inline constexpr dr_device_t kCpuDevice = {1, 0};
inline constexpr dr_dtype_t kUint8 = {1, 8, 1};

inline bool SameDtype(dr_dtype_t a, dr_dtype_t b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

// "float32" for {2, 32, 1}; nullopt for a dtype that has no name here.
std::optional<std::string_view> DtypeName(dr_dtype_t dtype);
std::optional<dr_dtype_t> DtypeFromName(std::string_view name);

// Bytes of one element.
constexpr size_t ElementSize(dr_dtype_t dtype) { return dtype.bits / 8U; }

// Bytes of a compact tensor of this dtype and shape. Fails if the dtype has no name, a length is
// negative, there are more than kMaxDims, or the size overflows.
Result<uint64_t> TensorBytes(dr_dtype_t dtype, int32_t ndim, const int64_t* shape);

// The first element. Only for memory that this process can read.
inline const std::byte* TensorData(const dr_tensor_t& tensor) {
  return static_cast<const std::byte*>(tensor.data) + tensor.byte_offset;
}

// Whether the elements lie row-major without gaps. Without strides they do by definition.
bool IsCompact(const dr_tensor_t& tensor);

// The elements row-major without gaps, in `out`, which has TensorBytes of them.
void CopyCompact(const dr_tensor_t& tensor, std::byte* out);

// Row-major strides, in elements.
void FillStrides(const std::vector<int64_t>& shape, std::vector<int64_t>* strides);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_TENSOR_H_
