// SPDX-License-Identifier: Apache-2.0
//
// By libtorch's own runner. Its loader would unpack the archive into files, which a worker may not
// write, so the library is taken out of it here and loaded from memory.

#include "exported/package_program.h"

#include <caffe2/serialize/inline_container.h>
#include <cpuid.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner.h>

#include <array>
#include <cstdlib>
#include <darkroom/plugin.hpp>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/program/code_reader.h"
#include "exported/library.h"

namespace darkroom::exported {
namespace {

using Json = nlohmann::json;
using Reader = caffe2::serialize::PyTorchStreamReader;
using Runner = torch::inductor::AOTIModelContainerRunner;

// Where the archive keeps the model of the usual name.
constexpr std::string_view kFolder = "data/aotinductor/model/";

struct Contents {
  std::string library;
  std::string metadata;
};

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_FAILED_PRECONDITION, words); }

Contents Find(Reader& reader) {
  Contents found;
  for (const std::string& name : reader.getAllRecords()) {
    if (!name.starts_with(kFolder)) continue;
    if (name.ends_with(".so")) found.library = name;
    if (name.ends_with("wrapper_metadata.json")) found.metadata = name;
    if (name.ends_with(".cubin"))
      Refuse(
          "the package keeps its CUDA kernels in files, which a worker may not write: export it "
          "with aot_inductor.embed_kernel_binary");
  }
  if (found.library.empty() || found.metadata.empty())
    Refuse(
        "the archive holds no compiled model of the name 'model': is it a package of "
        "torch._inductor.aoti_compile_and_package?");
  return found;
}

// Of the words that a package says its code needs of the processor.
bool ProcessorHas(std::string_view feature) {
  __builtin_cpu_init();
  if (feature == "AVX2") return __builtin_cpu_supports("avx2") != 0;
  if (feature == "AVX512") return __builtin_cpu_supports("avx512f") != 0;
  if (feature == "AVX512_VNNI") return __builtin_cpu_supports("avx512vnni") != 0;
  if (feature == "AMX_TILE") {
    std::array<unsigned, 4> registers{};
    // Of leaf 7; not every compiler has a name for it.
    return __get_cpuid_count(7, 0, &registers[0], &registers[1], &registers[2], &registers[3]) !=
               0 &&
           (registers[3] >> 24U & 1U) != 0;
  }
  return true;  // not known here, so that it cannot be told
}

void CheckMachine(const Json& metadata, at::Device device) {
  const std::string made_for = metadata.value("AOTI_DEVICE_KEY", "cpu");
  const std::string here = device.is_cuda() ? "cuda" : "cpu";
  if (made_for != here)
    Refuse("the package was compiled for " + made_for + " and this lane is of " + here +
           ": compile it on such a device, or name the model's devices");
  if (const std::string machine = metadata.value("AOTI_MACHINE", "x86_64"); machine != "x86_64")
    Refuse("the package was compiled for " + machine);
  std::istringstream features(metadata.value("AOTI_CPU_ISA", ""));
  for (std::string feature; features >> feature;)
    if (!ProcessorHas(feature))
      Refuse("the package was compiled for a processor with " + feature +
             ", which this one lacks: compile it here");
}

// Of a call as torch.utils._pytree writes it: a tree of containers, whose leaves are tensors.
size_t CountLeaves(const Json& node) {
  if (!node.is_object() || !node.contains("type") || node["type"].is_null()) return 1;
  size_t leaves = 0;
  for (const Json& child : node.value("children_spec", Json::array())) leaves += CountLeaves(child);
  return leaves;
}

// A package's code trusts what it is given, and what it is given comes from strangers. Whether it
// looks at it first it is told by the environment, which a plugin must not change: workers have it.
void CheckItLooks() {
  const char* looks = std::getenv("AOTI_RUNTIME_CHECK_INPUTS");
  if (looks == nullptr || *looks != '1')
    Refuse("packages run in workers alone: the plugin's isolation must be `process`");
}

class PackageProgram final : public Program {
 public:
  PackageProgram(std::span<std::byte> library, const Checkpoint* weights, at::Device device)
      : device_(device), library_(library) {
    if (weights != nullptr) tensors_ = weights->tensors();
    const auto& registry = torch::inductor::getAOTIModelRunnerRegistry();
    const auto made = registry.find(device.is_cuda() ? "cuda" : "cpu");
    if (made == registry.end()) Refuse("this libtorch runs no packages on " + device.str());
    runner_ = made->second(library_.path(), 1, device.str(), "", false);
    inputs_ = CountInputs();
    if (weights != nullptr) {
      SetWeights();
    } else if (runner_->extract_constants_map(false).size() < Names().size()) {
      Refuse(
          "the package was made without weights: put them beside it, as model.safetensors in a "
          "folder with model.pt2");
    }
  }

  Results Run(std::vector<Argument> arguments) override {
    if (arguments.size() != inputs_)
      throw Error(DR_FAILED_PRECONDITION, "the package takes " + std::to_string(inputs_) +
                                              " arguments, and the model's options give " +
                                              std::to_string(arguments.size()));
    std::vector<at::Tensor> tensors;
    tensors.reserve(arguments.size());
    for (const Argument& argument : arguments) tensors.push_back(AsTensor(argument, device_));
    try {
      return {runner_->boxed_run(std::move(tensors)), {}};
    } catch (const c10::OutOfMemoryError&) {
      throw;
    } catch (const c10::AcceleratorError&) {
      throw;
    } catch (const std::exception&) {
      // Its code prints what it found wrong, and says only that something is.
      throw Error(
          DR_INVALID_ARGUMENT,
          "the package does not take this input: its shape, dtype or layout is not one that "
          "it was compiled for; the daemon's log says which");
    }
  }

 private:
  // The runner does not ask, and takes what lies behind the last one given.
  size_t CountInputs() const {
    const std::vector<std::string> spec = runner_->get_call_spec();
    const Json inputs = spec.empty() ? Json() : Json::parse(spec.front(), nullptr, false);
    if (!inputs.is_array() || inputs.size() != 2) Refuse("the package does not say its inputs");
    return CountLeaves(inputs[1]);
  }

  // The code's name of each constant, and the one that its module had.
  std::unordered_map<std::string, std::string> Names() const {
    return runner_->getConstantNamesToOriginalFQNs();
  }

  // Nothing is copied on the CPU: the code is given the mapped file's memory.
  void SetWeights() {
    std::unordered_map<std::string, at::Tensor> constants;
    const std::unordered_map<std::string, int32_t> dtypes = runner_->getConstantNamesToDtypes();
    for (const auto& [name, original] : Names()) {
      const auto found = tensors_.find(original);
      if (found == tensors_.end())
        Refuse("the weights have no tensor '" + original + "', which the package needs");
      at::Tensor& tensor = found->second;
      if (const auto dtype = dtypes.find(name);
          dtype != dtypes.end() && static_cast<int32_t>(tensor.scalar_type()) != dtype->second)
        Refuse("the weights' tensor '" + original + "' is of " +
               at::toString(tensor.scalar_type()) + ", and the package was compiled for " +
               at::toString(static_cast<at::ScalarType>(dtype->second)));
      tensor = tensor.to(device_);
      constants.emplace(name, tensor);
    }
    runner_->update_constant_buffer(constants, /*use_inactive=*/false,
                                    /*validate_full_updates=*/true, /*user_managed=*/true);
  }

  const at::Device device_;
  const Library library_;
  size_t inputs_ = 0;
  std::map<std::string, at::Tensor> tensors_;  // before the runner, which points to them
  std::unique_ptr<Runner> runner_;
};

}  // namespace

std::unique_ptr<Program> OpenPackage(CodeBytes bytes, const Checkpoint* weights,
                                     at::Device device) {
  CheckItLooks();
  try {
    Reader reader(std::make_shared<CodeReader>(bytes));
    const Contents contents = Find(reader);
    const auto [text, length] = reader.getRecord(contents.metadata);
    const Json metadata =
        Json::parse(std::string_view(static_cast<const char*>(text.get()), length), nullptr, false);
    if (!metadata.is_object()) Refuse("the package's metadata is no JSON object");
    CheckMachine(metadata, device);
    const auto [code, size] = reader.getRecord(contents.library);
    bytes.data.reset();
    if (!device.is_cuda()) StandInForLibtorch();
    return std::make_unique<PackageProgram>(std::span(static_cast<std::byte*>(code.get()), size),
                                            weights, device);
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Error(DR_FAILED_PRECONDITION,
                std::string("this is no AOTInductor package that libtorch 2.11 can load: ") +
                    error.what_without_backtrace());
  } catch (const std::runtime_error& error) {  // of the package's own code
    throw Error(DR_FAILED_PRECONDITION, std::string("the package did not load: ") + error.what());
  }
}

}  // namespace darkroom::exported
