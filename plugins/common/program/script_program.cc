// SPDX-License-Identifier: Apache-2.0
//
// TorchScript, by libtorch's interpreter. The only unit that includes torch::jit, which takes long
// to compile.

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <darkroom/plugin.hpp>
#include <utility>

#include "common/program/code_reader.h"
#include "common/program/program.h"

namespace darkroom {
namespace {

void Flatten(const c10::IValue& value, Results* results) {
  if (value.isTensor()) {
    results->tensors.push_back(value.toTensor());
  } else if (value.isTuple()) {
    for (const c10::IValue& one : value.toTupleRef().elements()) Flatten(one, results);
  } else if (value.isList()) {
    for (const c10::IValue& one : value.toListRef()) Flatten(one, results);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      if (entry.key().isString())
        results->names[entry.key().toStringRef()] = results->tensors.size();
      Flatten(entry.value(), results);
    }
  } else if (value.isString()) {
    const std::string& text = value.toStringRef();
    results->tensors.push_back(at::from_blob(const_cast<char*>(text.data()),
                                             {static_cast<int64_t>(text.size())}, at::kByte)
                                   .clone());
  } else if (value.isScalar()) {
    results->tensors.push_back(at::scalar_tensor(value.toScalar()));
  } else {
    throw Error(DR_UNIMPLEMENTED, "the network gives a " + value.tagKind() +
                                      ", and only tensors, numbers, texts, and tuples, lists and "
                                      "dictionaries of them can be given on");
  }
}

class ScriptProgram final : public Program {
 public:
  ScriptProgram(torch::jit::Module module, const std::string& method, at::Device device)
      : module_(std::move(module)), method_(module_.get_method(method)), device_(device) {
    module_.eval();
  }

  Results Run(std::vector<Argument> arguments) override {
    const auto& wanted = method_.function().getSchema().arguments();  // the first is self
    std::vector<c10::IValue> values;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const bool as_tensor =
          i + 1 < wanted.size() && wanted[i + 1].type()->isSubtypeOf(*c10::TensorType::get());
      values.push_back(
          as_tensor ? c10::IValue(AsTensor(arguments[i], device_))
                    : std::visit([](auto& v) { return c10::IValue(std::move(v)); }, arguments[i]));
    }
    Results results;
    Flatten(method_(std::move(values)), &results);
    return results;
  }

 private:
  torch::jit::Module module_;
  torch::jit::Method method_;
  at::Device device_;
};

}  // namespace

std::unique_ptr<Program> OpenScript(CodeBytes bytes, const std::string& method, at::Device device) {
  try {
    auto unit = std::make_shared<torch::jit::CompilationUnit>();
    torch::jit::Module module = torch::jit::import_ir_module(
        std::move(unit), std::make_unique<CodeReader>(bytes), device, /*load_debug_files=*/false);
    if (!module.find_method(method))
      throw Error(DR_FAILED_PRECONDITION, "the archive has no method '" + method + "'");
    return std::make_unique<ScriptProgram>(std::move(module), method, device);
  } catch (const c10::Error& error) {
    throw Error(DR_FAILED_PRECONDITION,
                std::string("this is no TorchScript archive that libtorch 2.11 can load: ") +
                    error.what_without_backtrace());
  }
}

}  // namespace darkroom
