// SPDX-License-Identifier: Apache-2.0

#include "exported/model.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <darkroom/torch.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "common/checkpoint.h"
#include "common/program/package.h"
#include "common/program/program.h"
#include "common/text/tokenizer_files.h"
#include "exported/arguments.h"
#include "exported/outputs.h"
#include "exported/spec.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;
using exported::JobArguments;
namespace fs = std::filesystem;

// The network's file, and what lies beside it.
struct Files {
  std::string code;
  std::string folder;
  bool is_package = false;
  bool has_weights = false;  // of their own
};

Files FindFiles(const std::string& weights) {
  std::error_code error;
  Files files;
  if (!fs::is_directory(weights, error)) {
    files.code = weights;
    files.folder = fs::path(weights).parent_path().string();
  } else {
    files.folder = weights;
    const std::string package = weights + "/model.pt2";
    files.code = fs::exists(package, error) ? package : weights + "/model.pt";
    files.has_weights = fs::exists(weights + "/model.safetensors", error) ||
                        fs::exists(weights + "/model.safetensors.index.json", error);
  }
  files.is_package = files.code.ends_with(".pt2");
  if (!files.is_package && !files.code.ends_with(".pt") && !files.code.ends_with(".ts"))
    throw Error(DR_FAILED_PRECONDITION,
                files.code +
                    " is neither a TorchScript archive (.pt, .ts) nor an AOTInductor "
                    "package (.pt2)");
  if (!fs::exists(files.code, error))
    throw Error(DR_NOT_FOUND, "there is no " + files.code +
                                  (fs::is_directory(weights, error) ? " and no model.pt2" : ""));
  return files;
}

// Of a package that has none. They stay mapped as long as it lives.
Package::Weights WeightsOf(const Checkpoint& checkpoint) {
  return [&checkpoint](const std::string& name, at::ScalarType dtype) {
    const auto found = checkpoint.tensors().find(name);
    if (found == checkpoint.tensors().end())
      throw Error(DR_FAILED_PRECONDITION,
                  "the weights have no tensor '" + name + "', which the package needs");
    if (found->second.scalar_type() != dtype)
      throw Error(DR_FAILED_PRECONDITION, "the weights' tensor '" + name + "' is of " +
                                              at::toString(found->second.scalar_type()) +
                                              ", and the package was compiled for " +
                                              at::toString(dtype));
    return found->second;
  };
}

// A job whose inputs are what the network takes.
struct Ready {
  Job* job = nullptr;
  JobArguments made;
};

// What jobs must have alike to be in one call: the shapes and dtypes of tensors, and the rest.
std::string KeyOf(const std::vector<Argument>& arguments) {
  std::string key;
  for (const Argument& argument : arguments) {
    if (const auto* tensor = std::get_if<at::Tensor>(&argument)) {
      for (const int64_t length : tensor->sizes()) key += std::to_string(length) + ",";
      key += at::toString(tensor->scalar_type());
    } else {
      std::visit(
          [&key](const auto& value) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, at::Tensor>)
              key += Json(value).dump(-1, ' ', true, Json::error_handler_t::replace);
          },
          argument);
    }
    key += ";";
  }
  return key;
}

// The arguments of several jobs as those of one call, on the device.
std::vector<Argument> Joined(const std::vector<Ready*>& jobs, at::Device device) {
  std::vector<Argument> joined = jobs.front()->made.arguments;
  for (size_t i = 0; i < joined.size(); ++i) {
    if (!std::holds_alternative<at::Tensor>(joined[i])) continue;
    std::vector<at::Tensor> parts;
    parts.reserve(jobs.size());
    for (const Ready* job : jobs) parts.push_back(std::get<at::Tensor>(job->made.arguments[i]));
    joined[i] = (parts.size() == 1 ? parts.front() : at::cat(parts)).to(device);
  }
  return joined;
}

// Those of the job of this number among `count` that shared a call.
Results PartOf(const Results& all, int64_t number, int64_t count) {
  Results part;
  part.names = all.names;
  for (const at::Tensor& result : all.tensors) {
    if (result.dim() == 0 || result.size(0) != count)
      throw Error(DR_FAILED_PRECONDITION, "the model's options say `batch`, and of a call with " +
                                              std::to_string(count) + " jobs a result has shape " +
                                              ShapeText(result.sizes()));
    part.tensors.push_back(result.select(0, number));
  }
  return part;
}

}  // namespace

struct ExportedModel::Options {
  std::string weights;
  std::string sha256;
  std::string method;
  int threads = 0;  // 0: as many as the process has
  exported::Spec spec;
};

struct ExportedModel::Loaded {
  std::optional<Lease> lease;
  exported::Tokenizers tokenizers;
  std::optional<exported::ArgumentMaker> maker;
  std::unique_ptr<Program> program;
};

ExportedModel::ExportedModel(Host host, std::string_view config) : host_(host) {
  const Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) throw Error(DR_INVALID_ARGUMENT, "the configuration is no JSON object");
  if (!json.contains("weights") || !json["weights"].is_string())
    throw Error(DR_INVALID_ARGUMENT,
                "the model has no weights: name the file that was exported, a .pt or a .pt2, or a "
                "folder that has it");
  auto options = std::make_unique<Options>();
  options->weights = json["weights"].get<std::string>();
  const JsonConfig given =
      JsonConfig::Parse(json.value("options", Json::object()).dump(), "options of the model");
  options->sha256 = given.Text("sha256", "");
  options->method = given.Text("method", "forward");
  options->threads = static_cast<int>(given.Integer("threads", 0));
  if (options->threads < 0 || options->threads > 1024)
    given.Refuse("threads", "it must be 1 to 1024");
  options->spec = exported::ReadSpec(given);
  given.CheckAllRead();
  options_ = std::move(options);
}

ExportedModel::~ExportedModel() = default;

void ExportedModel::Load(const dr_lane_t& lane) {
  lane_ = lane;
  OnLane(lane_, [&] { LoadOnLane(); });
}

void ExportedModel::LoadOnLane() {
  auto loaded = std::make_unique<Loaded>();
  if (options_->threads > 0) at::set_num_threads(options_->threads);
  const at::Device device = ToDevice(lane_.device);
  const Files files = FindFiles(options_->weights);
  CodeBytes code = ReadCode(files.code, options_->sha256);

  std::optional<Checkpoint> weights;
  if (files.is_package && files.has_weights) weights = Checkpoint::Open(files.folder);
  const uint64_t held = code.size + (weights ? weights->BytesIn(at::kFloat) : 0);
  // What a call takes besides nobody can tell from the file; the host learns it from measurements.
  loaded->lease.emplace(host_, held + held / 4);

  const exported::Spec& spec = options_->spec;
  const auto open = [&](const std::string& folder) {
    auto& tokenizer = loaded->tokenizers[folder];
    if (!tokenizer) tokenizer = OpenTokenizer(files.folder + "/" + folder);
  };
  for (const exported::InputSpec& input : spec.inputs)
    if (const auto* tokens = std::get_if<exported::TokensInput>(&input.how))
      open(tokens->tokenizer);
  for (const exported::OutputSpec& output : spec.outputs)
    if (const auto* text = std::get_if<exported::TextOutput>(&output.how); text && text->tokens)
      open(text->tokenizer);
  loaded->maker.emplace(spec, loaded->tokenizers);
  loaded->program = files.is_package ? Package::Read(std::move(code), device)
                                           .Load(weights ? WeightsOf(*weights) : Package::Weights())
                                     : OpenScript(std::move(code), options_->method, device);
  host_.Log(DR_LOG_INFO, files.code +
                             (files.is_package ? ", an AOTInductor package" : ", TorchScript") +
                             ", on " + device.str());
  loaded_ = std::move(loaded);
}

void ExportedModel::Infer(Batch& batch) {
  OnLane(lane_, [&] { Run(batch); });
}

void ExportedModel::Run(Batch& batch) const {
  const exported::Spec& spec = options_->spec;
  std::vector<Ready> ready;
  ready.reserve(batch.size());
  for (Job& job : batch) {
    try {
      ready.push_back({&job, loaded_->maker->Make(job)});
    } catch (const Error& error) {
      job.Finish(error.status(), error.what());  // alone: the others have no part in it
    }
  }
  std::map<std::string, std::vector<Ready*>> calls;
  for (Ready& one : ready) {
    const std::string number = spec.batched ? "" : std::to_string(calls.size()) + "/";
    calls[number + KeyOf(one.made.arguments)].push_back(&one);
  }
  for (const auto& [key, jobs] : calls) {
    for (const Ready* one : jobs) one->job->StopIfCancelled();
    const Results all = loaded_->program->Run(Joined(jobs, ToDevice(lane_.device)));
    for (size_t i = 0; i < jobs.size(); ++i) {
      Job& job = *jobs[i]->job;
      try {
        const Results results =
            spec.batched ? PartOf(all, static_cast<int64_t>(i), static_cast<int64_t>(jobs.size()))
                         : all;
        exported::GiveOutputs(spec, results, jobs[i]->made.framing, loaded_->tokenizers, job);
        job.Finish(DR_OK);
      } catch (const Error& error) {
        job.Finish(error.status(), error.what());
      }
    }
  }
}

void ExportedModel::Unload() {
  if (loaded_ == nullptr) return;
  loaded_->program.reset();
  // The lease ends last, when libtorch has given the memory back, too.
  if (lane_.device.type == DR_DEVICE_CUDA) OnLane(lane_, [] { at::accelerator::emptyCache(); });
  loaded_.reset();
}

}  // namespace darkroom
