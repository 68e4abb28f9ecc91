// SPDX-License-Identifier: Apache-2.0

#include "caption/model.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <darkroom/torch.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "caption/captioner.h"
#include "caption/params.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

// What the lease counts on; a run with more asks for the rest.
constexpr int64_t kUsualPictures = 8;
constexpr int64_t kUsualBeams = 1;

std::string WeightsOf(std::string_view config) {
  const Json json = Json::parse(config, nullptr, false);
  if (!json.is_object()) throw Error(DR_INVALID_ARGUMENT, "the configuration is no JSON object");
  if (!json.contains("weights") || !json["weights"].is_string())
    throw Error(DR_INVALID_ARGUMENT,
                "the model has no weights: name the folder of a captioner's checkpoint, with "
                "config.json, model.safetensors and its tokenizer");
  return json["weights"].get<std::string>();
}

// Packed weights take the place of the file's, which stay in its mapping and cost nothing there;
// but the embedding is looked up as it is and multiplied by as it is packed.
uint64_t SecondEmbeddingBytes(const nn::Placement& placement, const StackShape& shape) {
  if (placement.engine != nn::Engine::kPacked) return 0;
  return static_cast<uint64_t>(shape.vocabulary * shape.width) * at::elementSize(placement.dtype);
}

void GiveText(const Job& job, const std::string& text) {
  const auto out = job.OutputBytes("text", text.size());
  std::memcpy(out.data(), text.data(), text.size());
}

}  // namespace

struct CaptionModel::Loaded {
  std::optional<Lease> weights;
  std::optional<Lease> working;
  uint64_t working_bytes = 0;  // of that lease
  std::unique_ptr<Captioner> captioner;
};

// A job that is well formed.
struct CaptionModel::Asked {
  Job* job = nullptr;
  CaptionParams params;
  CaptionRequest request;
};

CaptionModel::CaptionModel(Host host, std::string_view config)
    : host_(host),
      weights_(WeightsOf(config)),
      options_(std::make_unique<CaptionOptions>(ParseCaptionOptions(config))) {}

CaptionModel::~CaptionModel() = default;

void CaptionModel::Load(const dr_lane_t& lane) {
  lane_ = lane;
  OnLane(lane_, [&] { LoadOnLane(); });
}

void CaptionModel::LoadOnLane() {
  auto loaded = std::make_unique<Loaded>();
  if (options_->threads > 0) at::set_num_threads(options_->threads);
  nn::Placement placement;
  placement.device = ToDevice(lane_.device);
  placement.dtype = nn::ChooseDtype(options_->dtype, placement.device);
  placement.engine = nn::ChooseEngine(options_->engine, placement.device, placement.dtype);
  placement = nn::WithUploader(placement);

  const Checkpoint checkpoint = Checkpoint::Open(weights_);
  // In two parts, since only the network knows how much it works with.
  const uint64_t of_file = checkpoint.BytesIn(placement.dtype);
  loaded->weights.emplace(host_, of_file);
  loaded->captioner = std::make_unique<Captioner>(checkpoint, placement);
  if (placement.uploader != nullptr) placement.uploader->Finish();
  const Captioner& captioner = *loaded->captioner;
  loaded->working_bytes =
      captioner.WorkingBytes(kUsualPictures, kUsualBeams, options_->max_new_tokens);
  loaded->working.emplace(
      host_,
      SecondEmbeddingBytes(placement, captioner.network().stack().shape()) + loaded->working_bytes);
  host_.Log(DR_LOG_INFO, captioner.Describe() + ", from " + weights_);
  loaded_ = std::move(loaded);
}

void CaptionModel::Infer(Batch& batch) {
  OnLane(lane_, [&] { Run(batch); });
}

CaptionModel::Asked CaptionModel::Read(Job& job) const {
  Asked asked;
  asked.job = &job;
  const Captioner& captioner = *loaded_->captioner;
  asked.params = ParseCaptionParams(job.params(), *options_, captioner.defaults());
  CaptionRequest& request = asked.request;
  request.picture = Borrow(job.Input("image")).cpu().contiguous();  // no copy of what is there
  request.prompt = asked.params.prompt;
  request.settings = asked.params.settings;
  request.stop = asked.params.stop;
  request.max_words = asked.params.max_words;
  request.on_token = [&job, most = request.settings.max_new_tokens](int64_t tokens) {
    job.Progress(static_cast<double>(tokens) / static_cast<double>(most),
                 "token " + std::to_string(tokens));
    return !job.Cancelled();
  };
  captioner.Check(request);
  return asked;
}

void CaptionModel::Run(Batch& batch) const {
  std::vector<Asked> jobs;
  for (Job& job : batch) {
    try {
      jobs.push_back(Read(job));
    } catch (const Error& error) {
      job.Finish(error.status(), error.what());  // alone: the others have no part in it
    }
  }
  if (jobs.empty()) return;
  const Captioner& captioner = *loaded_->captioner;
  std::vector<CaptionRequest> requests;
  int64_t beams = 1;
  for (const Asked& asked : jobs) {
    requests.push_back(asked.request);
    beams = std::max(beams, asked.request.settings.beams);
  }
  const uint64_t needed =
      captioner.WorkingBytes(static_cast<int64_t>(jobs.size()), beams, options_->max_new_tokens);
  std::optional<Lease> more;
  if (needed > loaded_->working_bytes) more.emplace(host_, needed - loaded_->working_bytes);

  const std::vector<Caption> captions = captioner.Run(requests);
  for (size_t at = 0; at < jobs.size(); ++at) {
    Job& job = *jobs[at].job;
    const Caption& caption = captions[at];
    try {
      if (caption.written.cancelled) throw Error(DR_CANCELLED, "cancelled between two tokens");
      GiveText(job, jobs[at].params.json ? CaptionJson(caption.text, caption.written.Confidence())
                                         : caption.text);
      job.Finish(DR_OK);
    } catch (const Error& error) {
      job.Finish(error.status(), error.what());
    }
  }
}

void CaptionModel::Unload() {
  if (loaded_ == nullptr) return;
  loaded_->captioner.reset();
  // The leases end last, when libtorch has given the memory back, too.
  if (lane_.device.type == DR_DEVICE_CUDA) OnLane(lane_, [] { at::accelerator::emptyCache(); });
  loaded_.reset();
}

}  // namespace darkroom
