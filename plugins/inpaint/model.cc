// SPDX-License-Identifier: Apache-2.0

#include "inpaint/model.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <darkroom/torch.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "common/checkpoint.h"
#include "common/image/mask.h"
#include "common/json_config.h"
#include "common/program/code_file.h"
#include "common/safetensors.h"
#include "inpaint/lama.h"
#include "inpaint/painter.h"
#include "inpaint/script_filler.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

// Windows of this size take a CPU below 1 GB.
constexpr int64_t kTileCpu = 768;
constexpr int64_t kTileCuda = 2048;
constexpr int64_t kLeastTile = 256;
constexpr int64_t kMostTile = 8192;
// What a pixel of a window needs at most: 760 measured, of big-lama's size in float32 on the CPU.
constexpr uint64_t kWorkingBytesPerPixel = 1000;

bool IsScript(const std::string& path) { return path.ends_with(".pt") || path.ends_with(".ts"); }

at::ScalarType DtypeOf(const std::string& name) {
  // Fourier transforms need float32, and what halves would save around them is not measured yet.
  if (name == "auto" || name == "float32") return at::kFloat;
  if (name == "bfloat16") return at::kBFloat16;
  throw Error(DR_INVALID_ARGUMENT, "options of the model: dtype is " + name +
                                       ", expected one of auto, float32, bfloat16");
}

}  // namespace

struct InpaintModel::Loaded {
  std::optional<Lease> lease;
  std::unique_ptr<inpaint::Painter> painter;
};

InpaintModel::InpaintModel(Host host, std::string_view config)
    : host_(host), options_(ParseOptions(config)) {}

InpaintModel::~InpaintModel() = default;

InpaintModel::Options InpaintModel::ParseOptions(std::string_view config) {
  const Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) throw Error(DR_INVALID_ARGUMENT, "the configuration is no JSON object");
  if (!json.contains("weights") || !json["weights"].is_string())
    throw Error(DR_INVALID_ARGUMENT,
                "the model has no weights: name a safetensors file of LaMa's generator, or its "
                "TorchScript archive");
  const JsonConfig given =
      JsonConfig::Parse(json.value("options", Json::object()).dump(), "options of the model");
  Options options;
  options.weights = json["weights"].get<std::string>();
  options.sha256 = given.Text("sha256", "");
  options.dtype = given.Text("dtype", "auto");
  options.tile = given.Integer("tile", 0);
  options.threads = static_cast<int>(given.Integer("threads", 0));
  if (options.tile != 0 && (options.tile < kLeastTile || options.tile > kMostTile))
    given.Refuse("tile", "it must be 256 to 8192");
  if (options.threads < 0 || options.threads > 1024)
    given.Refuse("threads", "it must be 1 to 1024");
  given.CheckAllRead();
  DtypeOf(options.dtype);
  return options;
}

void InpaintModel::Load(const dr_lane_t& lane) {
  lane_ = lane;
  OnLane(lane_, [&] { LoadOnLane(); });
}

void InpaintModel::LoadOnLane() {
  auto loaded = std::make_unique<Loaded>();
  if (options_.threads > 0) at::set_num_threads(options_.threads);
  const at::Device device = ToDevice(lane_.device);
  inpaint::WindowSizes sizes;
  sizes.most = options_.tile > 0 ? options_.tile : device.is_cuda() ? kTileCuda : kTileCpu;
  sizes.margin = sizes.most / 6;
  const uint64_t working =
      static_cast<uint64_t>(sizes.most) * static_cast<uint64_t>(sizes.most) * kWorkingBytesPerPixel;

  std::unique_ptr<inpaint::Filler> filler;
  if (IsScript(options_.weights)) {
    CodeBytes code = ReadCode(options_.weights, options_.sha256);
    loaded->lease.emplace(host_, code.size + working);
    filler = inpaint::OpenScriptFiller(std::move(code), device);
  } else {
    const inpaint::Place place{device, DtypeOf(options_.dtype)};
    const Checkpoint checkpoint = Checkpoint::Open(options_.weights);
    loaded->lease.emplace(host_, checkpoint.BytesIn(place.dtype) + working);
    filler = std::make_unique<inpaint::Lama>(checkpoint, place);
  }
  loaded->painter = std::make_unique<inpaint::Painter>(std::move(filler), sizes);
  host_.Log(DR_LOG_INFO, loaded->painter->filler().Describe() + ", windows of " +
                             std::to_string(sizes.most) + ", from " + options_.weights);
  loaded_ = std::move(loaded);
}

void InpaintModel::Infer(Job& job) {
  OnLane(lane_, [&] { Run(job); });
}

void InpaintModel::Run(const Job& job) const {
  const at::Tensor picture = Borrow(job.Input("image"));
  const dr_tensor_t* given = job.FindInput("mask");
  const Json params = Json::parse(job.params());
  at::Tensor mask = MaskOf(picture, given == nullptr ? at::Tensor() : Borrow(*given),
                           params.value("invert", false));
  CheckLeavesSome(mask);
  mask = Grown(mask, params.value("grow", int64_t{0}));
  // A picture that said by its alpha what is missing has no more of it.
  const int64_t channels = picture.size(2);
  const bool of_alpha = given == nullptr;
  const at::Tensor result =
      OutputTensor(job, "image", at::kByte,
                   {picture.size(0), picture.size(1), of_alpha ? channels - 1 : channels});
  loaded_->painter->Paint(
      picture, mask, params.value("feather", int64_t{0}), result,
      [&job](size_t done, size_t windows) {
        job.StopIfCancelled();
        job.Progress(static_cast<double>(done) / static_cast<double>(windows),
                     "window " + std::to_string(done + 1) + "/" + std::to_string(windows));
      });
}

void InpaintModel::Unload() {
  if (loaded_ == nullptr) return;
  loaded_->painter.reset();
  // The lease ends last, when libtorch has given the memory back, too.
  if (lane_.device.type == DR_DEVICE_CUDA) OnLane(lane_, [] { at::accelerator::emptyCache(); });
  loaded_.reset();
}

}  // namespace darkroom
