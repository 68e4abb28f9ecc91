// SPDX-License-Identifier: Apache-2.0
//
// Program is an exported network that is loaded and can be called, whatever it was exported to.
//
// Ownership: the network's weights and code. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_COMMON_PROGRAM_PROGRAM_H_
#define DARKROOM_PLUGINS_COMMON_PROGRAM_PROGRAM_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/program/code_file.h"

namespace darkroom {

using Argument = std::variant<at::Tensor, double, int64_t, bool, std::string>;

// What a call gave: tensors in order, those of nested tuples and lists one after another.
struct Results {
  std::vector<at::Tensor> tensors;
  std::map<std::string, size_t> names;  // of a dictionary's
};

class Program {
 public:
  virtual ~Program() = default;

  // `arguments`: tensors on the program's device. Throws Error: DR_INVALID_ARGUMENT when they are
  // not what the network takes, and what ATen throws.
  virtual Results Run(std::vector<Argument> arguments) = 0;
};

// A scalar as a tensor of no dimensions, for networks that take only tensors. Throws Error
// (DR_FAILED_PRECONDITION) for a text.
at::Tensor AsTensor(const Argument& argument, at::Device device);

// A TorchScript archive (torch.jit.save). `method`: of the module, "forward" mostly. Throws Error
// (DR_FAILED_PRECONDITION) for what is no such file.
std::unique_ptr<Program> OpenScript(CodeBytes bytes, const std::string& method, at::Device device);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PROGRAM_PROGRAM_H_
