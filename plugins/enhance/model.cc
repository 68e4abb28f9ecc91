// SPDX-License-Identifier: Apache-2.0

#include "enhance/model.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <darkroom/torch.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/safetensors.h"
#include "enhance/enhancer.h"
#include "enhance/network.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

// What a window of one pixel needs at most, measured for RRDBNet with 64 features and growth 32 in
// float32.
constexpr uint64_t kWorkingBytesPerPixel = 4096;

// Windows of this size keep a CPU below 2 GB; see README.md.
constexpr int64_t kTileCpu = 384;
constexpr int64_t kTileCuda = 1024;

[[noreturn]] void RefuseOption(const std::string& what) {
  throw Error(DR_INVALID_ARGUMENT, "options of the model: " + what);
}

int64_t IntegerOption(const std::string& name, const Json& value, int64_t least, int64_t most) {
  if (!value.is_number_integer() || value < least || value > most)
    RefuseOption(name + " is " + value.dump() + ", expected an integer from " +
                 std::to_string(least) + " to " + std::to_string(most));
  return value.get<int64_t>();
}

std::string TextOption(const std::string& name, const Json& value,
                       std::initializer_list<const char*> allowed) {
  std::string list;
  for (const char* text : allowed) {
    if (value == text) return text;
    list += std::string(list.empty() ? "" : ", ") + text;
  }
  RefuseOption(name + " is " + value.dump() + ", expected one of " + list);
}

at::ScalarType DtypeOf(const std::string& name, bool cuda) {
  if (name == "float32") return at::kFloat;
  if (name == "float16") return at::kHalf;
  if (name == "bfloat16") return at::kBFloat16;
  return cuda ? at::kHalf : at::kFloat;
}

uint64_t BytesOf(const Safetensors& file, at::ScalarType dtype) {
  int64_t count = 0;
  for (const auto& [name, tensor] : file.tensors()) count += tensor.numel();
  return static_cast<uint64_t>(count) * at::elementSize(dtype);
}

}  // namespace

struct EnhanceModel::Loaded {
  std::optional<Lease> lease;
  std::unique_ptr<Enhancer> enhancer;
  int64_t tile = 0;
};

EnhanceModel::EnhanceModel(Host host, std::string_view config)
    : host_(host), options_(ParseOptions(config, &weights_)) {}

EnhanceModel::~EnhanceModel() = default;

EnhanceModel::Options EnhanceModel::ParseOptions(std::string_view config, std::string* weights) {
  const Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) throw Error(DR_INVALID_ARGUMENT, "the configuration is no JSON object");
  if (!json.contains("weights") || !json["weights"].is_string())
    throw Error(DR_INVALID_ARGUMENT,
                "the model has no weights: name a safetensors file of RRDBNet or SRVGGNetCompact");
  *weights = json["weights"].get<std::string>();
  Options options;
  const Json given = json.value("options", Json::object());
  if (!given.is_object()) RefuseOption("they are no mapping");
  for (const auto& [name, value] : given.items()) {
    if (name == "tile") {
      options.tile = IntegerOption(name, value, 0, 4096);
      if (options.tile > 0 && options.tile < 32) RefuseOption("tile is below 32; 0 means none");
    } else if (name == "tile_padding") {
      options.tile_padding = IntegerOption(name, value, 0, 1024);
    } else if (name == "threads") {
      options.threads = static_cast<int>(IntegerOption(name, value, 1, 1024));
    } else if (name == "dtype") {
      options.dtype = TextOption(name, value, {"auto", "float32", "float16", "bfloat16"});
    } else if (name == "engine") {
      options.engine = TextOption(name, value, {"auto", "winograd", "direct"});
    } else {
      RefuseOption("'" + name +
                   "' is unknown; there are tile, tile_padding, threads, dtype, engine");
    }
  }
  return options;
}

void EnhanceModel::Load(const dr_lane_t& lane) {
  lane_ = lane;
  OnLane(lane_, [&] { LoadOnLane(); });
}

void EnhanceModel::LoadOnLane() {
  auto loaded = std::make_unique<Loaded>();
  if (options_.threads > 0) at::set_num_threads(options_.threads);

  Placement placement;
  placement.device = ToDevice(lane_.device);
  const bool cuda = placement.device.is_cuda();
  placement.dtype = DtypeOf(options_.dtype, cuda);
  const bool can_winograd = !cuda && placement.dtype == at::kFloat;
  if (options_.engine == "winograd" && !can_winograd)
    throw Error(DR_INVALID_ARGUMENT,
                "options of the model: engine winograd needs float32 on the CPU");
  if (options_.engine != "direct" && can_winograd) placement.engine = Engine::kWinograd;

  const Safetensors file = Safetensors::Open(weights_);
  loaded->tile = options_.tile >= 0 ? options_.tile : cuda ? kTileCuda : kTileCpu;
  if (cuda) {
    const auto window = static_cast<uint64_t>(loaded->tile + 128);
    loaded->lease.emplace(host_,
                          BytesOf(file, placement.dtype) + window * window * kWorkingBytesPerPixel);
  }
  loaded->enhancer = std::make_unique<Enhancer>(LoadNetwork(file, placement), placement);
  host_.Log(DR_LOG_INFO, loaded->enhancer->network().Describe() + ", tiles of " +
                             std::to_string(loaded->tile) + ", from " + weights_);
  loaded_ = std::move(loaded);
}

void EnhanceModel::Infer(Job& job) {
  OnLane(lane_, [&] { Run(job); });
}

void EnhanceModel::Run(const Job& job) const {
  const at::Tensor image = Borrow(job.Input("image"));
  if (image.dim() != 3 || image.scalar_type() != at::kByte)
    throw Error(DR_INVALID_ARGUMENT, "input 'image' is no picture of height x width x channels");
  const int64_t channels = image.size(2);
  if (image.size(0) < 1 || image.size(1) < 1 || channels < 1 || channels > 4)
    throw Error(DR_INVALID_ARGUMENT, "input 'image' has shape " + ShapeText(image.sizes()) +
                                         ", expected pixels of one to four channels");
  const at::Tensor input = image.cpu().contiguous();  // no copy of what is there already

  const Json json = Json::parse(job.params());
  EnhanceParams params;
  params.scale = json.value("scale", 0.0);
  params.tile = json.value("tile", loaded_->tile);
  params.tile_padding = options_.tile_padding;
  const Enhancer& enhancer = *loaded_->enhancer;
  const PictureSize size = enhancer.OutputSize({input.size(0), input.size(1)}, params.scale);
  const at::Tensor output =
      OutputTensor(job, "image", at::kByte, {size.height, size.width, channels});
  const bool finished = enhancer.Run(input, params, output, [&](int64_t done, int64_t tiles) {
    const std::string stage = "tile " + std::to_string(done + 1) + "/" + std::to_string(tiles);
    job.Progress(static_cast<double>(done) / static_cast<double>(tiles), stage);
    return !job.Cancelled();
  });
  if (!finished) throw Error(DR_CANCELLED, "cancelled between two tiles");
}

void EnhanceModel::Unload() {
  if (loaded_ == nullptr) return;
  loaded_->enhancer.reset();
  // The lease ends last, when libtorch has given the memory back, too.
  if (lane_.device.type == DR_DEVICE_CUDA) OnLane(lane_, [] { at::accelerator::emptyCache(); });
  loaded_.reset();
}

}  // namespace darkroom
