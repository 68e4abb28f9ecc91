// SPDX-License-Identifier: Apache-2.0

#include "clip/model.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <darkroom/torch.hpp>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "clip/embedder.h"
#include "clip/request.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

// Of the manifest: image, image_2, ...
constexpr int kMostPictures = 16;

[[noreturn]] void RefuseOption(const std::string& what) {
  throw Error(DR_INVALID_ARGUMENT, "options of the model: " + what);
}

std::string PictureName(int number) {
  return number == 1 ? "image" : "image_" + std::to_string(number);
}

}  // namespace

struct ClipModel::Loaded {
  std::optional<Lease> lease;
  std::unique_ptr<clip::Embedder> embedder;
};

// A job that is well formed, and where its embeddings lie among those of the batch.
struct ClipModel::Asked {
  Job* job = nullptr;
  clip::Request request;
  std::vector<at::Tensor> pictures;
};

ClipModel::ClipModel(Host host, std::string_view config)
    : host_(host), options_(ParseOptions(config, &weights_)) {}

ClipModel::~ClipModel() = default;

ClipModel::Options ClipModel::ParseOptions(std::string_view config, std::string* weights) {
  const Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) throw Error(DR_INVALID_ARGUMENT, "the configuration is no JSON object");
  if (!json.contains("weights") || !json["weights"].is_string())
    throw Error(DR_INVALID_ARGUMENT,
                "the model has no weights: name the folder of a checkpoint of CLIP or SigLIP, with "
                "config.json and model.safetensors");
  *weights = json["weights"].get<std::string>();
  Options options;
  const Json given = json.value("options", Json::object());
  if (!given.is_object()) RefuseOption("they are no mapping");
  for (const auto& [name, value] : given.items()) {
    if (name == "threads") {
      if (!value.is_number_integer() || value < 1 || value > 1024)
        RefuseOption("threads is " + value.dump() + ", expected an integer from 1 to 1024");
      options.threads = value.get<int>();
    } else if (name == "dtype" || name == "engine") {
      if (!value.is_string()) RefuseOption(name + " is " + value.dump() + ", expected a text");
      (name == "dtype" ? options.dtype : options.engine) = value.get<std::string>();
    } else {
      RefuseOption("'" + name + "' is unknown; there are dtype, engine, threads");
    }
  }
  // Names that nobody knows are told now, and what suits the device when it is known.
  nn::ChooseDtype(options.dtype, at::kCPU);
  nn::ChooseEngine(options.engine, at::kCPU, at::kFloat);
  return options;
}

void ClipModel::Load(const dr_lane_t& lane) {
  lane_ = lane;
  OnLane(lane_, [&] { LoadOnLane(); });
}

void ClipModel::LoadOnLane() {
  auto loaded = std::make_unique<Loaded>();
  if (options_.threads > 0) at::set_num_threads(options_.threads);
  nn::Placement placement;
  placement.device = ToDevice(lane_.device);
  placement.dtype = nn::ChooseDtype(options_.dtype, placement.device);
  placement.engine = nn::ChooseEngine(options_.engine, placement.device, placement.dtype);
  placement = nn::WithUploader(placement);

  const Checkpoint checkpoint = Checkpoint::Open(weights_);
  const clip::ClipConfig config =
      clip::ReadClipConfig(JsonConfig::Read(checkpoint.File("config.json")));
  loaded->lease.emplace(
      host_, checkpoint.BytesIn(placement.dtype) + clip::Embedder::WorkingBytes(config, placement));
  loaded->embedder = std::make_unique<clip::Embedder>(checkpoint, placement);
  if (placement.uploader != nullptr) placement.uploader->Finish();
  host_.Log(DR_LOG_INFO, loaded->embedder->network().Describe() + ", from " + weights_);
  loaded_ = std::move(loaded);
}

void ClipModel::Infer(Batch& batch) {
  OnLane(lane_, [&] { Run(batch); });
}

ClipModel::Asked ClipModel::Read(Job& job) {
  Asked asked;
  asked.job = &job;
  for (int i = 1; i <= kMostPictures; ++i)
    if (const dr_tensor_t* picture = job.FindInput(PictureName(i)); picture != nullptr)
      asked.pictures.push_back(Borrow(*picture));
  std::optional<std::string> text;
  if (job.FindInput("text") != nullptr) {
    const auto bytes = job.InputBytes("text");
    text.emplace(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  asked.request = clip::ReadRequest(job.params(), static_cast<int64_t>(asked.pictures.size()),
                                    text ? &*text : nullptr);
  return asked;
}

void ClipModel::Run(Batch& batch) const {
  std::vector<Asked> jobs;
  std::vector<at::Tensor> pictures;
  std::vector<std::string> texts;
  for (Job& job : batch) {
    try {
      jobs.push_back(Read(job));
    } catch (const Error& error) {
      job.Finish(error.status(), error.what());  // alone: the others have no part in it
      continue;
    }
    const Asked& asked = jobs.back();
    pictures.insert(pictures.end(), asked.pictures.begin(), asked.pictures.end());
    texts.insert(texts.end(), asked.request.texts.begin(), asked.request.texts.end());
  }
  if (jobs.empty()) return;

  // A job's inputs are needed until the pass that has them: nobody is let go before the end.
  const auto before_pass = [&jobs] {
    if (std::all_of(jobs.begin(), jobs.end(), [](const Asked& a) { return a.job->Cancelled(); }))
      throw Error(DR_CANCELLED, "cancelled between two passes");
  };
  clip::Embedder& embedder = *loaded_->embedder;
  const at::Tensor none = at::empty({0, embedder.width()}, at::kFloat);
  const at::Tensor of_pictures = pictures.empty() ? none : embedder.Pictures(pictures, before_pass);
  const at::Tensor of_texts = texts.empty() ? none : embedder.Texts(texts, before_pass);

  int64_t picture = 0;
  int64_t text = 0;
  for (const Asked& asked : jobs) {
    const int64_t next_picture = picture + asked.request.pictures;
    const int64_t next_text = text + static_cast<int64_t>(asked.request.texts.size());
    Job& job = *asked.job;
    try {
      job.StopIfCancelled();
      const clip::Network& network = embedder.network();
      const at::Tensor result =
          clip::Finish(asked.request, of_pictures.slice(0, picture, next_picture),
                       of_texts.slice(0, text, next_text), network.logit_scale, network.logit_bias);
      OutputTensor(job, "result", at::kFloat, result.sizes().vec()).copy_(result);
      job.Finish(DR_OK);
    } catch (const Error& error) {
      job.Finish(error.status(), error.what());
    }
    picture = next_picture;
    text = next_text;
  }
}

void ClipModel::Unload() {
  if (loaded_ == nullptr) return;
  loaded_->embedder.reset();
  // The lease ends last, when libtorch has given the memory back, too.
  if (lane_.device.type == DR_DEVICE_CUDA) OnLane(lane_, [] { at::accelerator::emptyCache(); });
  loaded_.reset();
}

}  // namespace darkroom
