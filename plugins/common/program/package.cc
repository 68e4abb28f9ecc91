// SPDX-License-Identifier: Apache-2.0
//
// By libtorch's own runner. Its loader would unpack the archive into files, which a worker may not
// write, so the library is taken out of it here and loaded from memory.

#include "common/program/package.h"

#include <caffe2/serialize/inline_container.h>
#include <cpuid.h>
#include <dlfcn.h>
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
#include "common/program/library.h"

namespace darkroom {
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

// Of a GPU as the compiler writes it, 90 for 9.0. Empty: the driver does not tell.
std::string CapabilityOf(at::Device device) {
  // As cuda.h has them: the numbers of the attributes, and 0 for success.
  constexpr int kMajor = 75;
  constexpr int kMinor = 76;
  void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (driver == nullptr) return "";
  const auto get = reinterpret_cast<int (*)(int*, int)>(dlsym(driver, "cuDeviceGet"));
  const auto ask = reinterpret_cast<int (*)(int*, int, int)>(dlsym(driver, "cuDeviceGetAttribute"));
  dlclose(driver);  // libtorch holds it
  int handle = 0;
  int major = 0;
  int minor = 0;
  const int index = device.has_index() ? device.index() : 0;
  if (get == nullptr || ask == nullptr || get(&handle, index) != 0 ||
      ask(&major, kMajor, handle) != 0 || ask(&minor, kMinor, handle) != 0)
    return "";
  return std::to_string(10 * major + minor);
}

void CheckMachine(const std::map<std::string, std::string>& notes, at::Device device) {
  const auto note = [&notes](const char* name, const char* otherwise) {
    const auto found = notes.find(name);
    return found == notes.end() ? std::string(otherwise) : found->second;
  };
  const std::string made_for = note("AOTI_DEVICE_KEY", "cpu");
  const std::string here = device.is_cuda() ? "cuda" : "cpu";
  if (made_for != here)
    Refuse("the package was compiled for " + made_for + " and this lane is of " + here +
           ": compile it on such a device, or name the model's devices");
  if (const std::string machine = note("AOTI_MACHINE", "x86_64"); machine != "x86_64")
    Refuse("the package was compiled for " + machine);
  std::istringstream features(note("AOTI_CPU_ISA", ""));
  for (std::string feature; features >> feature;)
    if (!ProcessorHas(feature))
      Refuse("the package was compiled for a processor with " + feature +
             ", which this one lacks: compile it here");
  if (!device.is_cuda()) return;
  // Its kernels are for this one kind of GPU, and would fail at the first job.
  const std::string wanted = note("AOTI_COMPUTE_CAPABILITY", "");
  const std::string found = CapabilityOf(device);
  if (!wanted.empty() && !found.empty() && wanted != found)
    Refuse("the package was compiled for a GPU of compute capability " + wanted +
           ", and this one has " + found + ": compile it here");
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

// What is loaded of one.
class PackageProgram final : public Program {
 public:
  PackageProgram(std::span<std::byte> library, const Package::Weights& weights, at::Device device)
      : device_(device), library_(library) {
    const auto& registry = torch::inductor::getAOTIModelRunnerRegistry();
    const auto made = registry.find(device.is_cuda() ? "cuda" : "cpu");
    if (made == registry.end()) Refuse("this libtorch runs no packages on " + device.str());
    runner_ = made->second(library_.path(), 1, device.str(), "", false);
    inputs_ = CountInputs();
    if (weights) {
      SetWeights(weights);
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

  void SetWeights(const Package::Weights& weights) {
    const std::unordered_map<std::string, int32_t> dtypes = runner_->getConstantNamesToDtypes();
    for (const auto& [name, original] : Names()) {
      const auto dtype = dtypes.find(name);
      if (dtype == dtypes.end()) Refuse("the package does not say the dtype of '" + original + "'");
      constants_.emplace(name,
                         weights(original, static_cast<at::ScalarType>(dtype->second)).to(device_));
    }
    // Nothing is copied: the code is given these tensors' memory.
    runner_->update_constant_buffer(constants_, /*use_inactive=*/false,
                                    /*validate_full_updates=*/true, /*user_managed=*/true);
  }

  const at::Device device_;
  const Library library_;
  size_t inputs_ = 0;
  std::unordered_map<std::string, at::Tensor>
      constants_;  // before the runner, which points to them
  std::unique_ptr<Runner> runner_;
};

}  // namespace

Package Package::Read(CodeBytes bytes, at::Device device) {
  CheckItLooks();
  try {
    Reader reader(std::make_shared<CodeReader>(bytes));
    const Contents contents = Find(reader);
    const auto [text, length] = reader.getRecord(contents.metadata);
    const Json metadata =
        Json::parse(std::string_view(static_cast<const char*>(text.get()), length), nullptr, false);
    if (!metadata.is_object()) Refuse("the package's metadata is no JSON object");
    Package package(device);
    for (const auto& [name, value] : metadata.items())
      if (value.is_string()) package.notes_[name] = value.get<std::string>();
    CheckMachine(package.notes_, device);
    auto [code, size] = reader.getRecord(contents.library);
    package.library_ = std::make_shared<at::DataPtr>(std::move(code));
    package.library_size_ = size;
    return package;
  } catch (const c10::Error& error) {
    throw Error(DR_FAILED_PRECONDITION,
                std::string("this is no AOTInductor package that libtorch 2.11 can load: ") +
                    error.what_without_backtrace());
  }
}

std::optional<std::string> Package::Note(const std::string& name) const {
  const auto found = notes_.find(name);
  return found == notes_.end() ? std::nullopt : std::optional(found->second);
}

std::unique_ptr<Program> Package::Load(const Weights& weights) {
  const std::shared_ptr<at::DataPtr> library = std::exchange(library_, {});
  try {
    if (!device_.is_cuda()) StandInForLibtorch();
    return std::make_unique<PackageProgram>(
        std::span(static_cast<std::byte*>(library->get()), library_size_), weights, device_);
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Error(DR_FAILED_PRECONDITION,
                std::string("the package did not load: ") + error.what_without_backtrace());
  } catch (const std::runtime_error& error) {  // of the package's own code
    throw Error(DR_FAILED_PRECONDITION, std::string("the package did not load: ") + error.what());
  }
}

}  // namespace darkroom
