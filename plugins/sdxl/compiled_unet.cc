// SPDX-License-Identifier: Apache-2.0

#include "sdxl/compiled_unet.h"

#include <torch/headeronly/version.h>

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <vector>

#include "common/json_config.h"
#include "common/program/package.h"

namespace darkroom::sdxl {
namespace {

// Of cli/compile_unet.py: what its note in the package is called, and the form that it has.
constexpr const char* kNote = "darkroom.sdxl_unet";
constexpr int64_t kRevision = 1;
// The network's name within the module that was compiled.
constexpr std::string_view kPrefix = "unet.";

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_FAILED_PRECONDITION, words); }

std::string NameOf(at::ScalarType dtype) {
  return dtype == at::kHalf ? "float16" : dtype == at::kBFloat16 ? "bfloat16" : "float32";
}

JsonConfig NoteOf(const Package& package, const std::string& path) {
  const std::optional<std::string> text = package.Note(kNote);
  if (!text) Refuse("it is no package of a denoising network; `darkroom models compile` makes one");
  return JsonConfig::Parse(*text, path);
}

void CheckVersions(const JsonConfig& note, const nn::Placement& placement) {
  if (note.Integer("revision") != kRevision)
    Refuse("it was written by another version of darkroom: compile it again");
  if (const std::string torch = note.Text("torch"); torch != TORCH_VERSION)
    Refuse("it was compiled by PyTorch " + torch +
           ", and this is libtorch " TORCH_VERSION ": compile it again with that version");
  if (const std::string dtype = note.Text("dtype"); dtype != NameOf(placement.dtype))
    Refuse("it was compiled for " + dtype + ", and the model computes in " +
           NameOf(placement.dtype) + ": compile it with --dtype " + NameOf(placement.dtype) +
           ", or set the model's option dtype to " + dtype);
}

// What size the network was trained for changes nothing in it.
void CheckNetwork(const JsonConfig& note, UNetConfig wanted) {
  UNetConfig compiled = ReadUNetConfig(note.Section("config"));
  compiled.sample_size = wanted.sample_size = 0;
  if (compiled != wanted)
    Refuse(
        "it was compiled of a network of another architecture than this model's unet/config.json "
        "says: compile this model's");
}

}  // namespace

at::Tensor PackageWeights::Take(const std::string& name, at::IntArrayRef shape,
                                bool channels_last) {
  const at::Tensor tensor = reader_.Take(name, shape);
  at::Tensor& placed = placed_[{name, channels_last && tensor.dim() == 4}];
  if (!placed.defined()) {
    placed = placement_.Place(tensor);
    if (channels_last && tensor.dim() == 4)
      placed = placed.contiguous(at::MemoryFormat::ChannelsLast);
  }
  return placed;
}

CompiledUNet::CompiledUNet(const CompiledFile& file, const UNetConfig& config,
                           const nn::Placement& placement, PackageWeights* weights)
    : placement_(placement),
      has_addition_(config.added_width > 0),
      identity_(file.sha256),
      factor_(config.factor()) {
  std::transform(identity_.begin(), identity_.end(), identity_.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  try {
    Load(file, config, weights);
  } catch (const Error& error) {
    if (std::string_view(error.what()).find(file.path) != std::string_view::npos) throw;
    throw Error(error.status(), file.path + ": " + error.what());
  }
}

void CompiledUNet::Load(const CompiledFile& file, const UNetConfig& config,
                        PackageWeights* weights) {
  Package package = Package::Read(ReadCode(file.path, file.sha256), placement_.device);
  const JsonConfig note = NoteOf(package, file.path);
  CheckVersions(note, placement_);
  CheckNetwork(note, config);
  rows_ = note.Size("rows", 1, 1024);
  height_ = note.Integer("height");
  width_ = note.Integer("width");
  const bool channels_last = note.Flag("channels_last", false);
  const JsonConfig shapes = note.Section("tensors");
  program_ = package.Load([&](const std::string& full, at::ScalarType dtype) {
    const std::string name = full.substr(full.starts_with(kPrefix) ? kPrefix.size() : 0);
    if (!shapes.Has(name) || dtype != placement_.dtype)
      Refuse("its code wants a constant '" + name + "' that it does not tell of");
    return weights->Take(name, shapes.Integers(name, {}), channels_last);
  });
}

bool CompiledUNet::Takes(int64_t height, int64_t width, int64_t rows) const {
  if (rows > rows_) return false;
  // What is compiled for any size takes it that no stage has a single row or column.
  if (height_ == 0)
    return height % factor_ == 0 && width % factor_ == 0 && std::min(height, width) >= 2 * factor_;
  return height == height_ && width == width_;
}

Condition CompiledUNet::Prepare(const at::Tensor& text, const at::Tensor& pooled,
                                const at::Tensor& time_ids) const {
  Condition condition;
  condition.keys.push_back(placement_.Place(text).contiguous());
  if (!has_addition_) return condition;
  condition.keys.push_back(placement_.Place(pooled).contiguous());
  // Sizes of thousands are not whole in halves.
  condition.keys.push_back(time_ids.to(placement_.device, at::kFloat).contiguous());
  return condition;
}

at::Tensor CompiledUNet::operator()(const at::Tensor& latents, const at::Tensor& timesteps,
                                    const Condition& condition, const at::Tensor& guidance) const {
  std::vector<Argument> arguments = {placement_.Place(latents).contiguous(),
                                     timesteps.to(placement_.device, at::kFloat).contiguous()};
  arguments.insert(arguments.end(), condition.keys.begin(), condition.keys.end());
  if (guidance.defined()) arguments.emplace_back(placement_.Place(guidance).contiguous());
  return program_->Run(std::move(arguments)).tensors.front();
}

}  // namespace darkroom::sdxl
