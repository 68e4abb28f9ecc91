// SPDX-License-Identifier: Apache-2.0
//
// Program is an exported network that is loaded and can be called, whatever it was exported to.
//
// Ownership: the network's weights and code. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_EXPORTED_PROGRAM_H_
#define DARKROOM_PLUGINS_EXPORTED_PROGRAM_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/checkpoint.h"
#include "exported/code_file.h"

namespace darkroom::exported {

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

// A TorchScript archive (torch.jit.save). `method`: of the module, "forward" mostly.
std::unique_ptr<Program> OpenScript(CodeBytes bytes, const std::string& method, at::Device device);

// An AOTInductor package (torch._inductor.aoti_compile_and_package). `weights`: those of a package
// that was made without; they stay mapped as long as the program lives. nullptr: it has its own.
std::unique_ptr<Program> OpenPackage(CodeBytes bytes, const Checkpoint* weights, at::Device device);

// Both throw Error (DR_FAILED_PRECONDITION) for what is no such file, or not for this machine.

}  // namespace darkroom::exported

#endif  // DARKROOM_PLUGINS_EXPORTED_PROGRAM_H_
