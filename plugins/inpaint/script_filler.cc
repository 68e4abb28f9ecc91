// SPDX-License-Identifier: Apache-2.0

#include "inpaint/script_filler.h"

#include <darkroom/plugin.hpp>
#include <utility>

#include "common/program/program.h"
#include "common/safetensors.h"

namespace darkroom::inpaint {
namespace {

class ScriptFiller final : public Filler {
 public:
  ScriptFiller(std::unique_ptr<Program> program, at::Device device)
      : program_(std::move(program)), device_(device) {}

  std::string Describe() const override { return "TorchScript, on " + device_.str(); }

  at::Tensor Fill(const at::Tensor& picture, const at::Tensor& mask) const override {
    const Results results = program_->Run({picture.to(device_), mask.to(device_)});
    if (results.tensors.empty() || results.tensors.front().sizes() != picture.sizes())
      throw Error(DR_FAILED_PRECONDITION,
                  "the network gives no picture of the size that it was given: of a picture and a "
                  "mask it must make a picture of shape " +
                      ShapeText(picture.sizes()));
    return results.tensors.front().to(at::kCPU, at::kFloat);
  }

 private:
  const std::unique_ptr<Program> program_;
  const at::Device device_;
};

}  // namespace

std::unique_ptr<Filler> OpenScriptFiller(CodeBytes bytes, at::Device device) {
  return std::make_unique<ScriptFiller>(OpenScript(std::move(bytes), "forward", device), device);
}

}  // namespace darkroom::inpaint
