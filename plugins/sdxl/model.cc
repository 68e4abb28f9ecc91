// SPDX-License-Identifier: Apache-2.0

#include "sdxl/model.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <darkroom/torch.hpp>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/image/mask.h"
#include "sdxl/params.h"
#include "sdxl/pipeline.h"
#include "sdxl/run_state.h"

namespace darkroom {
namespace {

// Of the manifest's width and height.
constexpr int64_t kMostEdge = 4096;

std::string TextOf(const Job& job, const char* input) {
  const auto bytes = job.InputBytes(input);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Without the autoencoder's, which LoRAs have no part in.
uint64_t WeightBytes(const sdxl::Folder& folder, const nn::Placement& placement) {
  uint64_t bytes = 0;
  for (const char* part : {"unet", "text_encoder", "text_encoder_2"})
    if (folder.Has(part)) bytes += folder.OpenWeights(part).BytesIn(placement.dtype);
  return bytes;
}

uint64_t VaeBytes(const sdxl::Folder& folder, const nn::Placement& placement) {
  const sdxl::VaeConfig config = sdxl::ReadVaeConfig(folder.Config("vae"));
  return folder.OpenWeights("vae").BytesIn(sdxl::VaePlacement(config, placement).dtype);
}

// As the reference rounds: halves to the even neighbour.
at::Tensor AsBytes(const at::Tensor& picture) {
  if (!at::isfinite(picture).all().item<bool>())
    throw Error(DR_INTERNAL,
                "what the networks made is not finite: the weights or the dtype are no good here");
  return picture.mul(255).round_().squeeze(0).permute({1, 2, 0}).to(at::kCPU, at::kByte);
}

}  // namespace

// The model with a set of LoRAs, or without any.
struct SdxlModel::Adapted {
  std::string loras;  // sdxl::IdentityOf
  std::optional<Lease> lease;
  std::unique_ptr<sdxl::Pipeline> pipeline;
};

struct SdxlModel::Loaded {
  explicit Loaded(sdxl::Folder opened) : folder(std::move(opened)) {}

  sdxl::Folder folder;
  nn::Placement placement;
  sdxl::PipelineOptions limits;
  std::optional<Lease> ordinary;  // of the ordinary network, where it is beside compiled ones
  std::optional<Lease> working;
  uint64_t working_bytes = 0;  // of that lease
  std::shared_ptr<Adapted> plain;
  std::list<std::shared_ptr<Adapted>> adapted;  // with LoRAs; the last used first
  std::optional<uint64_t> fingerprint;          // of the folder, once it was needed
};

struct SdxlModel::Run::State {
  Job* job = nullptr;
  at::Tensor picture;  // what it starts from: height x width x channels; or undefined
  at::Tensor mask;     // as common/image/mask.h has it, or undefined
  sdxl::MaskParams painting;
  int64_t pictures = 1;
  std::shared_ptr<Adapted> model;
  std::vector<std::unique_ptr<sdxl::Drawing>> drawings;  // all at the same step; none: as it is
  std::optional<uint64_t> owner;                         // of what is saved, once it was
  std::optional<Lease> lease;
};

SdxlModel::Run::Run(std::unique_ptr<State> made) : state(std::move(made)) {}

SdxlModel::Run::~Run() = default;

SdxlModel::SdxlModel(Host host, std::string_view config)
    : host_(host), options_(std::make_unique<sdxl::Options>(sdxl::ParseOptions(config))) {}

SdxlModel::~SdxlModel() = default;

void SdxlModel::Load(const dr_lane_t& lane) {
  lane_ = lane;
  OnLane(lane_, [&] { LoadOnLane(); });
}

void SdxlModel::LoadOnLane() {
  if (options_->threads > 0) at::set_num_threads(options_->threads);
  nn::Placement placement;
  placement.device = ToDevice(lane_.device);
  placement.dtype = nn::ChooseDtype(options_->dtype, placement.device);
  placement.engine = nn::ChooseEngine(options_->engine, placement.device, placement.dtype);

  auto loaded = std::make_unique<Loaded>(
      sdxl::Folder::Open(options_->weights, placement.dtype != at::kFloat, options_->file));
  loaded->placement = placement;
  loaded->limits = {options_->rows, options_->tile, static_cast<size_t>(options_->prompts),
                    options_->embeddings};
  sdxl::PipelineOptions with_compiled = loaded->limits;
  with_compiled.compiled = options_->compiled;
  with_compiled.reserve = [this, lease = &loaded->ordinary](uint64_t bytes) {
    lease->emplace(host_, bytes);
    host_.Log(DR_LOG_INFO,
              "a picture is of a size that no compiled network is for: the ordinary "
              "one is loaded, too");
  };
  // In two parts, since only the networks know how much they work with.
  loaded->plain = std::make_shared<Adapted>();
  loaded->plain->lease.emplace(
      host_, WeightBytes(loaded->folder, placement) + VaeBytes(loaded->folder, placement));
  loaded->plain->pipeline =
      std::make_unique<sdxl::Pipeline>(loaded->folder, placement, with_compiled);
  const sdxl::Pipeline& pipeline = *loaded->plain->pipeline;
  const int64_t edge = pipeline.trained_edge();
  loaded->working_bytes = pipeline.WorkingBytes(edge, edge, options_->rows);
  loaded->working.emplace(host_, loaded->working_bytes);
  host_.Log(DR_LOG_INFO, "Stable Diffusion XL, " + nn::Describe(placement) + ", " +
                             std::to_string(edge) + " pixels, from " + options_->weights +
                             (options_->compiled.empty() ? "" : ", compiled"));
  loaded_ = std::move(loaded);
}

std::shared_ptr<SdxlModel::Adapted> SdxlModel::WithLoras(
    const std::vector<sdxl::LoraChoice>& choices) {
  if (choices.empty()) return loaded_->plain;
  if (options_->loras.empty())
    throw Error(DR_INVALID_ARGUMENT,
                "loras: this model has none; its options name their folder as 'loras'");
  auto& adapted = loaded_->adapted;
  const std::string identity = sdxl::IdentityOf(options_->loras, choices);
  for (auto kept = adapted.begin(); kept != adapted.end(); ++kept) {
    if ((*kept)->loras != identity) continue;
    adapted.splice(adapted.begin(), adapted, kept);
    return adapted.front();
  }
  const sdxl::Pipeline& plain = *loaded_->plain->pipeline;
  const sdxl::Folder folder =
      sdxl::WithLoras(loaded_->folder, plain.unet(), options_->loras, choices);
  // Those that jobs still draw with stay until these have ended.
  while (adapted.size() >= static_cast<size_t>(options_->lora_sets)) adapted.pop_back();
  auto made = std::make_shared<Adapted>();
  made->loras = identity;
  made->lease.emplace(host_, WeightBytes(folder, loaded_->placement));
  made->pipeline =
      std::make_unique<sdxl::Pipeline>(folder, loaded_->placement, loaded_->limits, plain.vae());
  adapted.push_front(std::move(made));
  return adapted.front();
}

std::unique_ptr<SdxlModel::Run> SdxlModel::Begin(Job& job) {
  std::unique_ptr<Run> run;
  OnLane(lane_, [&] { run = BeginOnLane(job); });
  return run;
}

void SdxlModel::ReadPicture(const Job& job, Run::State* state) {
  const dr_tensor_t* const picture = job.FindInput("image");
  const dr_tensor_t* const mask = job.FindInput("mask");
  if (picture == nullptr) {
    if (mask == nullptr) return;
    throw Error(
        DR_INVALID_ARGUMENT,
        "there is a mask and no image: give the picture that it is for as the input 'image'");
  }
  state->picture = Borrow(*picture);
  const at::Tensor& bytes = state->picture;
  if (bytes.size(0) > kMostEdge || bytes.size(1) > kMostEdge)
    throw Error(DR_INVALID_ARGUMENT, "the image is " + std::to_string(bytes.size(1)) + " x " +
                                         std::to_string(bytes.size(0)) + " pixels, expected " +
                                         std::to_string(kMostEdge) + " at most for each");
  // A picture of which nothing can be seen through is no mask.
  const bool has_holes = bytes.size(2) % 2 == 0 && bytes.select(2, -1).lt(128).any().item<bool>();
  if (mask == nullptr && !has_holes) return;
  const sdxl::MaskParams& painting = state->painting;
  state->mask =
      Grown(MaskOf(bytes, mask == nullptr ? at::Tensor() : Borrow(*mask), painting.invert),
            painting.grow);
}

std::unique_ptr<SdxlModel::Run> SdxlModel::BeginOnLane(Job& job) {
  auto state = std::make_unique<Run::State>();
  state->job = &job;
  state->model = WithLoras(sdxl::ParseLoras(job.params()));
  sdxl::Pipeline& pipeline = *state->model->pipeline;
  sdxl::DrawingRequest request = sdxl::ParseRequest(job.params(), TextOf(job, "prompt"));
  state->pictures = request.pictures;
  state->painting = sdxl::ParseMask(job.params());
  ReadPicture(job, state.get());
  if (state->picture.defined()) {
    request.source =
        sdxl::ReadSource(state->picture, state->mask, pipeline.vae()->config().factor());
    request.source.strength = sdxl::ParseStrength(job.params(), state->mask.defined());
  }
  const bool is_nothing = state->mask.defined() && !state->mask.any().item<bool>();
  if (!is_nothing) state->drawings = pipeline.Begin(request);
  if (state->drawings.empty()) return std::make_unique<Run>(std::move(state));
  // What this job needs beyond what the instance counts on: its own tensors, and the room that its
  // networks work in where the picture is large.
  const sdxl::Drawing& first = *state->drawings.front();
  const uint64_t working = pipeline.WorkingBytes(first.height(), first.width(), first.rows());
  const uint64_t more = working > loaded_->working_bytes ? working - loaded_->working_bytes : 0;
  state->lease.emplace(host_, first.Bytes() + more);
  return std::make_unique<Run>(std::move(state));
}

// Of all that the job's pictures depend on.
uint64_t SdxlModel::OwnerOf(const Run::State& state) {
  const Job& job = *state.job;
  if (!loaded_->fingerprint)
    loaded_->fingerprint = sdxl::FingerprintOf(loaded_->folder, options_->embeddings);
  sdxl::Fingerprint owner;
  owner.Add(*loaded_->fingerprint);
  owner.Add(sdxl::FingerprintOf(options_->loras, sdxl::ParseLoras(job.params())));
  owner.Add(static_cast<uint64_t>(loaded_->placement.dtype));
  owner.Add(static_cast<uint64_t>(loaded_->placement.engine));
  owner.Add(job.params());
  owner.Add(TextOf(job, "prompt"));
  if (!state.drawings.empty())
    if (const std::string compiled = state.drawings.front()->network().identity();
        !compiled.empty())
      owner.Add(compiled);
  for (const char* input : {"image", "mask"}) {
    const dr_tensor_t* const tensor = job.FindInput(input);
    owner.Add(uint64_t{tensor == nullptr ? 0U : 1U});
    if (tensor != nullptr) owner.Add(Borrow(*tensor));
  }
  return owner.value();
}

std::string SdxlModel::Save(const Run& run) {
  Run::State& state = *run.state;
  std::string bytes;
  OnLane(lane_, [&] {
    if (!state.owner) state.owner = OwnerOf(state);
    bytes = sdxl::SaveDrawings(state.drawings, *state.owner);
  });
  return bytes;
}

std::unique_ptr<SdxlModel::Run> SdxlModel::Restore(Job& job, std::string_view bytes) {
  std::unique_ptr<Run> run;
  OnLane(lane_, [&] {
    run = BeginOnLane(job);
    Run::State& state = *run->state;
    state.owner = OwnerOf(state);
    sdxl::RestoreDrawings(bytes, *state.owner, state.drawings);
  });
  return run;
}

void SdxlModel::Step(std::span<Run* const> runs, std::span<uint32_t> left) {
  std::map<const sdxl::Pipeline*, std::vector<sdxl::Drawing*>> drawings;
  for (const Run* run : runs)
    for (const auto& drawing : run->state->drawings)
      drawings[run->state->model->pipeline.get()].push_back(drawing.get());
  OnLane(lane_, [&] {
    for (const auto& [pipeline, of_it] : drawings) pipeline->Step(of_it);
  });
  for (size_t i = 0; i < runs.size(); ++i) {
    const Run::State& state = *runs[i]->state;
    left[i] = 0;
    if (state.drawings.empty()) continue;
    const sdxl::Drawing& drawing = *state.drawings.front();
    const int64_t all = drawing.made() + drawing.left();
    left[i] = static_cast<uint32_t>(drawing.left());
    state.job->Progress(static_cast<double>(drawing.made()) / static_cast<double>(all),
                        "step " + std::to_string(drawing.made()) + "/" + std::to_string(all));
  }
}

void SdxlModel::Finish(Run& run) {
  OnLane(lane_, [&] {
    for (int64_t i = 0; i < run.state->pictures; ++i) FinishOne(*run.state, i);
  });
}

void SdxlModel::FinishOne(const Run::State& state, int64_t number) const {
  const Job& job = *state.job;
  job.StopIfCancelled();
  const std::string name = number == 0 ? "image" : "image_" + std::to_string(number + 1);
  const auto output = [&](const at::Tensor& like, int64_t channels) {
    return OutputTensor(job, name.c_str(), at::kByte, {like.size(0), like.size(1), channels});
  };
  // A picture that said by its alpha what is missing has no more of it.
  const auto channels = [&] {
    const int64_t all = state.picture.size(2);
    return job.FindInput("mask") == nullptr ? all - 1 : all;
  };
  if (state.drawings.empty()) {
    output(state.picture, channels()).copy_(state.picture.narrow(2, 0, channels()));
    return;
  }
  at::Tensor made = AsBytes(state.model->pipeline->Finish(
      *state.drawings[static_cast<size_t>(number)], [&job] { job.StopIfCancelled(); }));
  if (state.picture.defined())
    made = made.narrow(0, 0, state.picture.size(0)).narrow(1, 0, state.picture.size(1));
  if (state.mask.defined()) {
    Composite(state.picture, made.to(at::kFloat), state.mask, state.painting.feather,
              output(state.picture, channels()));
  } else {
    output(made, made.size(2)).copy_(made);
  }
}

void SdxlModel::Unload() {
  if (loaded_ == nullptr) return;
  for (const auto& adapted : loaded_->adapted) adapted->pipeline.reset();
  loaded_->plain->pipeline.reset();
  // The leases end last, when libtorch has given the memory back, too.
  if (lane_.device.type == DR_DEVICE_CUDA) OnLane(lane_, [] { at::accelerator::emptyCache(); });
  loaded_.reset();
}

}  // namespace darkroom
