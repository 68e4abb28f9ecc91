// SPDX-License-Identifier: Apache-2.0
//
// What a libtorch plugin needs besides plugin.hpp: the host's tensors as at::Tensor and the other
// way round, nothing copied either way, and a scope that has libtorch work on the lane's stream.
//
// No CUDA header is needed: the same plugin is built on any host, and runs on CUDA where the
// process has opened libtorch_cuda.so. For the lane's thread, in Load, Infer and Unload.

#ifndef DARKROOM_TORCH_HPP_
#define DARKROOM_TORCH_HPP_

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/util/Exception.h>

#include <cstddef>
#include <cstdint>
#include <darkroom/plugin.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace darkroom {

// ---- Types and devices
// ---------------------------------------------------------------------------

inline at::ScalarType ToScalarType(dr_dtype_t dtype) {
  const auto is = [dtype](uint8_t code, uint8_t bits) {
    return dtype.code == code && dtype.bits == bits && dtype.lanes == 1;
  };
  if (is(DR_DTYPE_UINT, 8)) return at::kByte;
  if (is(DR_DTYPE_FLOAT, 32)) return at::kFloat;
  if (is(DR_DTYPE_FLOAT, 16)) return at::kHalf;
  if (is(DR_DTYPE_BFLOAT, 16)) return at::kBFloat16;
  if (is(DR_DTYPE_FLOAT, 64)) return at::kDouble;
  if (is(DR_DTYPE_INT, 64)) return at::kLong;
  if (is(DR_DTYPE_INT, 32)) return at::kInt;
  if (is(DR_DTYPE_INT, 16)) return at::kShort;
  if (is(DR_DTYPE_INT, 8)) return at::kChar;
  if (is(DR_DTYPE_BOOL, 8)) return at::kBool;
  throw Error(DR_INVALID_ARGUMENT, "libtorch has no type for DLPack's code " +
                                       std::to_string(dtype.code) + " with " +
                                       std::to_string(dtype.bits) + " bits");
}

inline dr_dtype_t ToDtype(at::ScalarType type) {
  switch (type) {
    case at::kByte:
      return {DR_DTYPE_UINT, 8, 1};
    case at::kFloat:
      return {DR_DTYPE_FLOAT, 32, 1};
    case at::kHalf:
      return {DR_DTYPE_FLOAT, 16, 1};
    case at::kBFloat16:
      return {DR_DTYPE_BFLOAT, 16, 1};
    case at::kDouble:
      return {DR_DTYPE_FLOAT, 64, 1};
    case at::kLong:
      return {DR_DTYPE_INT, 64, 1};
    case at::kInt:
      return {DR_DTYPE_INT, 32, 1};
    case at::kShort:
      return {DR_DTYPE_INT, 16, 1};
    case at::kChar:
      return {DR_DTYPE_INT, 8, 1};
    case at::kBool:
      return {DR_DTYPE_BOOL, 8, 1};
    default:
      throw Error(DR_UNIMPLEMENTED, std::string("a tensor of type ") + at::toString(type) +
                                        " cannot leave the plugin");
  }
}

// Where libtorch sees memory of `device`: pinned memory is the CPU's.
inline at::Device ToDevice(dr_device_t device) {
  if (device.type == DR_DEVICE_CPU || device.type == DR_DEVICE_CUDA_HOST) return at::kCPU;
  if (device.type == DR_DEVICE_CUDA) {
    return {at::kCUDA, static_cast<at::DeviceIndex>(device.id)};
  }
  throw Error(DR_INVALID_ARGUMENT, "device type " + std::to_string(device.type) + " is unknown");
}

// ---- Tensors
// -------------------------------------------------------------------------------------

// The same memory as `tensor`, which must outlive the result. An input's is read-only, although
// at::Tensor cannot say so.
inline at::Tensor Borrow(const dr_tensor_t& tensor) {
  const auto ndim = static_cast<size_t>(tensor.ndim);
  const at::Device device = ToDevice(tensor.device);
  void* data =
      tensor.data == nullptr ? nullptr : static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  return at::for_blob(data, {tensor.shape, ndim})
      .strides(at::IntArrayRef{tensor.strides, ndim})
      .options(at::TensorOptions().dtype(ToScalarType(tensor.dtype)).device(device))
      .target_device(device)
      .make_tensor();
}

// `tensor` for Job::Adopt: the result holds a reference to its memory until the deleter is called,
// which may happen on any thread. Its work must be done, or be in the order of the lane's stream.
inline dr_managed_tensor_t* Share(at::Tensor tensor) {
  struct Shared {
    at::Tensor tensor;
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;
    dr_managed_tensor_t abi;
  };
  const dr_dtype_t dtype = ToDtype(tensor.scalar_type());
  const at::Device at = tensor.device();
  if (!at.is_cpu() && !at.is_cuda()) {
    throw Error(DR_UNIMPLEMENTED, "a tensor on " + at.str() + " cannot leave the plugin");
  }
  auto shared = std::make_unique<Shared>();
  shared->shape = tensor.sizes().vec();
  shared->strides = tensor.strides().vec();
  shared->abi.version_major = 1;
  shared->abi.version_minor = 2;
  shared->abi.manager = shared.get();
  shared->abi.deleter = [](dr_managed_tensor_t* self) {
    delete static_cast<Shared*>(self->manager);
  };
  shared->abi.flags = 0;
  const dr_device_t device =
      at.is_cuda() ? dr_device_t{DR_DEVICE_CUDA, at.index()} : dr_device_t{DR_DEVICE_CPU, 0};
  shared->abi.tensor = {tensor.data_ptr(),
                        device,
                        static_cast<int32_t>(tensor.dim()),
                        dtype,
                        shared->shape.data(),
                        shared->strides.data(),
                        0};
  shared->tensor = std::move(tensor);
  return &shared.release()->abi;
}

// An output of the host's memory, to be written by copy_() or an _out operator.
inline at::Tensor OutputTensor(const Job& job, const char* name, at::ScalarType type,
                               const std::vector<int64_t>& shape) {
  void* data = job.Output(name, ToDtype(type), shape);
  return at::from_blob(data, shape, at::TensorOptions().dtype(type).device(at::kCPU));
}

// ---- Work on the lane
// ----------------------------------------------------------------------------

// While it lives, this thread records no gradients, and on CUDA its operations go to the lane's
// device and stream.
class LaneScope {
 public:
  explicit LaneScope(const dr_lane_t& lane) {
    if (lane.device.type != DR_DEVICE_CUDA) return;
    // libtorch takes the address of a stream that is not its own as that stream's id; 0 is the
    // device's default stream.
    stream_.emplace(c10::Stream(c10::Stream::UNSAFE, ToDevice(lane.device),
                                reinterpret_cast<c10::StreamId>(lane.stream)));
  }
  LaneScope(const LaneScope&) = delete;
  LaneScope& operator=(const LaneScope&) = delete;

 private:
  c10::InferenceMode inference_;
  std::optional<c10::StreamGuard> stream_;
};

// Whether a number of CUDA's (cudaError) is about one call alone, so that the next can go well: a
// wrong argument, or code that is not there for such a device. All others are taken for the end of
// the context: to believe too much in a device costs more than to make an instance again.
constexpr bool IsOneCallsError(int32_t number) {
  constexpr int32_t kNumbers[] = {1, 9, 98, 209, 218, 222, 400, 600, 701, 720, 801};
  for (const int32_t one : kNumbers) {
    if (one == number) return true;
  }
  return false;
}

// Runs `call` in a LaneScope, with libtorch's exceptions in the ABI's statuses, which tell the host
// what it can do, and without their stack traces.
template <typename Call>
void OnLane(const dr_lane_t& lane, const Call& call) {
  try {
    const LaneScope scope(lane);
    call();
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(DR_RESOURCE_EXHAUSTED, error.what_without_backtrace());
  } catch (const c10::AcceleratorError& error) {
    throw Error(IsOneCallsError(error.get_error_code()) ? DR_INTERNAL : DR_DEVICE_LOST,
                error.what_without_backtrace());
  } catch (const c10::Error& error) {
    throw Error(DR_INTERNAL, error.what_without_backtrace());
  }
}

}  // namespace darkroom

#endif  // DARKROOM_TORCH_HPP_
