// SPDX-License-Identifier: Apache-2.0
//
// A Package is a network that torch._inductor.aoti_compile_and_package made: read, looked at, and
// then loaded as a Program.
//
// Ownership: its code's bytes, until it is loaded. Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_COMMON_PROGRAM_PACKAGE_H_
#define DARKROOM_PLUGINS_COMMON_PROGRAM_PACKAGE_H_

#include <ATen/ATen.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/program/code_file.h"
#include "common/program/program.h"

namespace darkroom {

class Package {
 public:
  // Throws Error (DR_FAILED_PRECONDITION) for what is no such file, or not for this device and
  // processor.
  static Package Read(CodeBytes bytes, at::Device device);

  // What whoever compiled it wrote of it under this name (aot_inductor.metadata), if anything.
  std::optional<std::string> Note(const std::string& name) const;

  // Gives a package that was made without weights those it asks for, by the names that they had in
  // its module, in the dtype that it was compiled for. They are kept as long as the program lives,
  // and not copied where they lie on the device.
  using Weights = std::function<at::Tensor(const std::string& name, at::ScalarType dtype)>;

  // Once. `weights`: none, if it has its own. Throws Error (DR_FAILED_PRECONDITION) when it lacks
  // weights or does not load, and what `weights` throws.
  std::unique_ptr<Program> Load(const Weights& weights);

 private:
  explicit Package(at::Device device) : device_(device) {}

  at::Device device_;
  std::map<std::string, std::string> notes_;
  std::shared_ptr<at::DataPtr> library_;
  size_t library_size_ = 0;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PROGRAM_PACKAGE_H_
