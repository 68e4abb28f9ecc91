// SPDX-License-Identifier: Apache-2.0
//
// Where a network's weights lie and in which dtype it computes, and the policy for that dtype.
// Plain values and pure functions: any thread, but with an uploader one at a time.

#ifndef DARKROOM_PLUGINS_COMMON_NN_PLACEMENT_H_
#define DARKROOM_PLUGINS_COMMON_NN_PLACEMENT_H_

#include <ATen/ATen.h>

#include <memory>
#include <string>

#include "common/nn/uploader.h"

namespace darkroom::nn {

// How linear layers compute: as ATen does on any device; by oneDNN on weights that are packed once
// (float32 on the CPU); or in 8 bits, with weights rounded once and activations as they come
// (float32 around them, on the CPU). The last is an approximation.
enum class Engine : uint8_t { kAten, kPacked, kInt8 };

struct Placement {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  Engine engine = Engine::kAten;
  std::shared_ptr<Uploader> uploader = nullptr;  // of all that is placed; or none

  // Whether weights of layers are copied from the file that they lie in.
  bool Copies() const { return !device.is_cpu() || engine != Engine::kAten; }
  // For layers that are too few to gain by an approximation, and lose by it.
  Placement Exact() const {
    return {device, dtype, engine == Engine::kInt8 ? Engine::kPacked : engine, uploader};
  }
  // For tensors that go with the network: weights, and inputs on their way in.
  at::Tensor Place(const at::Tensor& tensor) const {
    const bool uploads = uploader != nullptr && tensor.is_cpu() && !device.is_cpu();
    return (uploads ? (*uploader)(tensor) : tensor).to(device, dtype);
  }
};

// With an Uploader where the device is not the CPU.
Placement WithUploader(Placement placement);

// `made` in place of `tensor`: on a device in the memory that is there already, so that it does not
// fall into pieces. On the CPU another handle, since that memory may be a file's, and read-only.
void PutInPlace(at::Tensor* tensor, at::Tensor made);

// The dtype that an option `name` asks for on a device: "float32", "float16", "bfloat16", or
// "auto":
//   CPU    float32: without AVX512-BF16 or AMX, halves are several times slower there
//   CUDA   `half`, which is the network's own choice: float16 has three more bits, bfloat16 the
//          range that networks need whose activations exceed 65504
// Throws Error (DR_INVALID_ARGUMENT) for any other name.
at::ScalarType ChooseDtype(const std::string& name, at::Device device,
                           at::ScalarType half = at::kHalf);

// The engine that an option `name` asks for: "aten", "packed", "int8", or "auto": packed where it
// can be, else aten. Throws Error (DR_INVALID_ARGUMENT) for another name, and where the device or
// the dtype cannot do what is asked for.
Engine ChooseEngine(const std::string& name, at::Device device, at::ScalarType dtype);

// For logs: "cpu, float32, packed".
std::string Describe(const Placement& placement);

}  // namespace darkroom::nn

#endif  // DARKROOM_PLUGINS_COMMON_NN_PLACEMENT_H_
