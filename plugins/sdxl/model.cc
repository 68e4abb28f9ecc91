// SPDX-License-Identifier: Apache-2.0

#include "sdxl/model.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <darkroom/torch.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/image/mask.h"
#include "sdxl/latents_file.h"
#include "sdxl/lora_sets.h"
#include "sdxl/params.h"
#include "sdxl/pipeline.h"
#include "sdxl/preview.h"
#include "sdxl/run_state.h"

namespace darkroom {
namespace {

// Of the manifest's width and height.
constexpr int64_t kMostEdge = 4096;

std::string_view BytesOf(const Job& job, const char* input) {
  const auto bytes = job.InputBytes(input);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string TextOf(const Job& job, const char* input) { return std::string(BytesOf(job, input)); }

uint64_t VaeBytes(const sdxl::Folder& folder, const nn::Placement& placement) {
  const sdxl::VaeConfig config = sdxl::ReadVaeConfig(folder.Config("vae"));
  return folder.OpenWeights("vae").BytesIn(sdxl::VaePlacement(config, placement).dtype);
}

at::Tensor ReadLatentsOf(const Job& job, int64_t factor) {
  at::Tensor latents = sdxl::ReadLatents(BytesOf(job, "latents"));
  if (latents.size(2) * factor > kMostEdge || latents.size(3) * factor > kMostEdge)
    throw Error(DR_INVALID_ARGUMENT,
                "the latents are of " + std::to_string(latents.size(3) * factor) + " x " +
                    std::to_string(latents.size(2) * factor) + " pixels, expected " +
                    std::to_string(kMostEdge) + " at most for each");
  return latents;
}

// Beside compiled networks a set is always a copy: their weights stay as they are.
int64_t LoraCopies(const sdxl::Options& options) {
  return options.compiled.empty() ? options.lora_sets : std::max<int64_t>(options.lora_sets, 1);
}

// As the reference rounds: halves to the even neighbour.
at::Tensor AsBytes(const at::Tensor& picture) {
  if (!at::isfinite(picture).all().item<bool>())
    throw Error(DR_INTERNAL,
                "what the networks made is not finite: the weights or the dtype are no good here");
  return picture.mul(255).round_().squeeze(0).permute({1, 2, 0}).to(at::kCPU, at::kByte);
}

}  // namespace

struct SdxlModel::Loaded {
  explicit Loaded(sdxl::ModelParts made) : parts(std::move(made)) {}

  sdxl::ModelParts parts;
  std::optional<Lease> lease;     // of the networks
  std::optional<Lease> ordinary;  // of the ordinary network, where it is beside compiled ones
  std::unique_ptr<sdxl::Pipeline> pipeline;
  std::optional<sdxl::LoraSets> loras;
  std::optional<Lease> working;
  uint64_t working_bytes = 0;                // of that lease
  std::optional<uint64_t> fingerprint;       // of the folder, once it was needed
  std::optional<sdxl::PreviewMap> previews;  // once one was asked for
  bool no_previews = false;                  // since they failed
};

struct SdxlModel::Run::State {
  Job* job = nullptr;
  at::Tensor picture;  // what it starts from: height x width x channels; or undefined
  at::Tensor mask;     // as common/image/mask.h has it, or undefined
  sdxl::MaskParams painting;
  int64_t pictures = 1;
  bool gives_latents = false;
  int64_t preview_every = 0;  // steps; 0: never
  std::shared_ptr<const sdxl::Adapted> model;
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
  placement = nn::WithUploader(placement);

  auto loaded = std::make_unique<Loaded>(sdxl::ModelParts{
      host_,
      sdxl::Folder::Open(options_->weights, placement.dtype != at::kFloat, options_->file),
      placement,
      {},
      options_->loras,
      static_cast<size_t>(LoraCopies(*options_))});
  sdxl::ModelParts& parts = loaded->parts;
  parts.limits = {options_->rows, options_->tile, static_cast<size_t>(options_->prompts),
                  options_->embeddings};
  // In two parts, since only the networks know how much they work with.
  loaded->lease.emplace(
      host_, sdxl::NetworkBytes(parts.folder, placement) + VaeBytes(parts.folder, placement));
  sdxl::PipelineOptions own = parts.limits;
  own.replaces = !parts.loras.empty() && parts.lora_copies == 0;
  own.compiled = options_->compiled;
  own.reserve = [this, lease = &loaded->ordinary](uint64_t bytes) {
    lease->emplace(host_, bytes);
    host_.Log(DR_LOG_INFO,
              "a picture is of a size that no compiled network is for: the ordinary "
              "one is loaded, too");
  };
  loaded->pipeline = std::make_unique<sdxl::Pipeline>(parts.folder, placement, own);
  if (placement.uploader != nullptr) placement.uploader->Finish();
  const sdxl::Pipeline& pipeline = *loaded->pipeline;
  loaded->loras.emplace(&parts, loaded->pipeline.get());
  const int64_t edge = pipeline.trained_edge();
  loaded->working_bytes = pipeline.WorkingBytes(edge, edge, options_->rows);
  loaded->working.emplace(host_, loaded->working_bytes);
  host_.Log(DR_LOG_INFO, "Stable Diffusion XL, " + nn::Describe(placement) + ", " +
                             std::to_string(edge) + " pixels, from " + options_->weights +
                             (options_->compiled.empty() ? "" : ", compiled"));
  loaded_ = std::move(loaded);
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
  state->model = loaded_->loras->Find(sdxl::ParseLoras(job.params()));
  sdxl::Pipeline& pipeline = *state->model->pipeline;
  sdxl::DrawingRequest request = sdxl::ParseRequest(job.params(), TextOf(job, "prompt"));
  state->pictures = request.pictures;
  state->gives_latents = sdxl::WantsLatents(job.params());
  request.loras = state->model->in_place();
  state->painting = sdxl::ParseMask(job.params());
  state->preview_every = sdxl::ParsePreviews(job.params());
  ReadPicture(job, state.get());
  if (job.FindInput("latents") != nullptr)
    request.latents = ReadLatentsOf(job, pipeline.vae()->config().factor());
  if (state->picture.defined())
    request.source =
        sdxl::ReadSource(state->picture, state->mask, pipeline.vae()->config().factor());
  request.source.strength = sdxl::ParseStrength(job.params(), state->mask.defined());
  const bool is_nothing =
      !state->gives_latents && state->mask.defined() && !state->mask.any().item<bool>();
  if (!is_nothing) state->drawings = pipeline.Begin(request, [&job] { job.StopIfCancelled(); });
  loaded_->loras->Settle();
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
    loaded_->fingerprint = sdxl::FingerprintOf(loaded_->parts.folder, options_->embeddings);
  sdxl::Fingerprint owner;
  owner.Add(*loaded_->fingerprint);
  const sdxl::LoraSet* const loras = state.model->set.get();
  owner.Add(loras == nullptr ? 0 : loras->fingerprint());
  owner.Add(static_cast<uint64_t>(loaded_->parts.placement.dtype));
  owner.Add(static_cast<uint64_t>(loaded_->parts.placement.engine));
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
  if (job.FindInput("latents") != nullptr) owner.Add(BytesOf(job, "latents"));
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
  std::map<sdxl::Pipeline*, std::vector<sdxl::Drawing*>> drawings;
  for (const Run* run : runs) {
    const Run::State& state = *run->state;
    for (const auto& drawing : state.drawings)
      drawings[state.model->pipeline].push_back(drawing.get());
    if (IsPreviewDue(state) && !loaded_->no_previews) state.drawings.front()->Watch();
  }
  OnLane(lane_, [&] {
    for (const auto& [pipeline, of_it] : drawings) pipeline->Step(of_it);
    loaded_->loras->Settle();
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
    ShowPreview(state);
  }
}

bool SdxlModel::IsPreviewDue(const Run::State& state) {
  if (state.preview_every == 0 || state.drawings.empty()) return false;
  const sdxl::Drawing& first = *state.drawings.front();
  // The last step's is the picture itself.
  return first.left() > 1 && (first.made() + 1) % state.preview_every == 0 &&
         state.job->WantsPreview();
}

void SdxlModel::ShowPreview(const Run::State& state) {
  const at::Tensor estimate = state.drawings.front()->TakeEstimate();
  if (!estimate.defined()) return;
  try {
    at::Tensor picture;
    OnLane(lane_, [&] {
      if (!loaded_->previews) {
        const sdxl::Pipeline& plain = *loaded_->pipeline;
        const sdxl::Vae& vae = *plain.vae();
        loaded_->previews = sdxl::PreviewMap::Fit(
            sdxl::Coder::Of(vae, plain.trained_edge() / vae.config().factor()));
      }
      picture = (*loaded_->previews)(estimate).contiguous();
    });
    state.job->Preview({picture.const_data_ptr<uint8_t>(), picture.nbytes()}, picture.size(0),
                       picture.size(1), picture.size(2));
  } catch (const Error& error) {
    if (error.status() == DR_DEVICE_LOST) throw;
    // The picture is drawn all the same.
    loaded_->no_previews = true;
    host_.Log(DR_LOG_WARNING, std::string("no more previews: ") + error.what());
  }
}

void SdxlModel::Finish(Run& run) {
  OnLane(lane_, [&] {
    if (run.state->gives_latents) return GiveLatents(*run.state);
    for (int64_t i = 0; i < run.state->pictures; ++i) FinishOne(*run.state, i);
  });
}

void SdxlModel::GiveLatents(const Run::State& state) {
  std::vector<at::Tensor> latents;
  for (const auto& drawing : state.drawings) latents.push_back(drawing->latents());
  const std::string file = sdxl::WriteLatents(at::cat(latents));
  const auto size = static_cast<int64_t>(file.size());
  const at::Tensor output = OutputTensor(*state.job, "latents", at::kByte, {size});
  std::memcpy(output.mutable_data_ptr(), file.data(), file.size());
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
  loaded_->loras->DropNetworks();
  loaded_->pipeline.reset();
  // The leases end last, when libtorch has given the memory back, too.
  if (lane_.device.type == DR_DEVICE_CUDA) OnLane(lane_, [] { at::accelerator::emptyCache(); });
  loaded_.reset();
}

}  // namespace darkroom
