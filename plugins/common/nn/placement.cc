// SPDX-License-Identifier: Apache-2.0

#include "common/nn/placement.h"

#include <darkroom/plugin.hpp>
#include <utility>

namespace darkroom::nn {

void PutInPlace(at::Tensor* tensor, at::Tensor made) {
  if (tensor->defined() && !tensor->device().is_cpu() && tensor->sizes() == made.sizes() &&
      tensor->scalar_type() == made.scalar_type()) {
    tensor->copy_(made);
  } else {
    *tensor = std::move(made);
  }
}

at::ScalarType ChooseDtype(const std::string& name, at::Device device, at::ScalarType half) {
  if (name == "float32") return at::kFloat;
  if (name == "float16") return at::kHalf;
  if (name == "bfloat16") return at::kBFloat16;
  if (name == "auto") return device.is_cpu() ? at::kFloat : half;
  throw Error(DR_INVALID_ARGUMENT,
              "dtype is '" + name + "', expected one of auto, float32, float16, bfloat16");
}

Engine ChooseEngine(const std::string& name, at::Device device, at::ScalarType dtype) {
  const bool can_pack = device.is_cpu() && dtype == at::kFloat && at::globalContext().hasMKLDNN();
  if (name == "auto") return can_pack ? Engine::kPacked : Engine::kAten;
  if (name == "aten") return Engine::kAten;
  if (name != "packed" && name != "int8")
    throw Error(DR_INVALID_ARGUMENT,
                "engine is '" + name + "', expected one of auto, aten, packed, int8");
  if (!can_pack)
    throw Error(DR_INVALID_ARGUMENT, "engine " + name + " is for float32 on the CPU, not for " +
                                         at::toString(dtype) + " on " + device.str());
  return name == "int8" ? Engine::kInt8 : Engine::kPacked;
}

Placement WithUploader(Placement placement) {
  if (!placement.device.is_cpu()) placement.uploader = std::make_shared<Uploader>(placement.device);
  return placement;
}

std::string Describe(const Placement& placement) {
  std::string text = placement.device.str() + ", ";
  text += placement.dtype == at::kHalf       ? "float16"
          : placement.dtype == at::kBFloat16 ? "bfloat16"
                                             : "float32";
  if (placement.engine == Engine::kPacked) text += ", packed";
  if (placement.engine == Engine::kInt8) text += ", int8";
  return text;
}

}  // namespace darkroom::nn
