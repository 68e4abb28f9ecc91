// SPDX-License-Identifier: Apache-2.0

#include "sdxl/pipeline.h"

#include <algorithm>
#include <array>
#include <darkroom/plugin.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/diffusion/registry.h"

namespace darkroom::sdxl {
namespace {

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_INVALID_ARGUMENT, words); }

// A prompt of more is a mistake, and each costs as much as all of a usual one.
constexpr int64_t kMostChunks = 16;
// Beyond it a text is not even cut into tokens.
constexpr size_t kMostBytes = size_t{1} << 16;

// By how many times the finest stage's channels a place of the latents, or a pixel, is held while a
// network runs: skips, and the widest layer with its input. Counted for Stable Diffusion XL.
constexpr int64_t kUNetWidths = 16;
constexpr int64_t kVaeWidths = 8;

// What a request says of the part of the way that it is for.
void CheckParts(const DrawingRequest& request) {
  const bool has_latents = request.latents.defined();
  if (has_latents && request.source.is_there() && !request.source.mask.defined())
    Refuse("there are an image and latents: give one of them, or a mask as well");
  if (has_latents && request.source.is_there() && !request.denoising_start)
    Refuse(
        "latents beside a picture and its mask are of a drawing that is begun: give the part of "
        "the way that is made as denoising_start");
  if (request.denoising_start && !has_latents && !request.source.is_there())
    Refuse("denoising_start is for what is drawn in part: give latents or image");
  if (request.denoising_start && request.denoising_end &&
      *request.denoising_start >= *request.denoising_end)
    Refuse("denoising_start is " + std::to_string(*request.denoising_start) +
           ", expected less than denoising_end, " + std::to_string(*request.denoising_end));
}

void CheckLength(const char* name, const std::string& text) {
  if (text.size() > kMostBytes)
    Refuse(std::string(name) + " has " + std::to_string(text.size()) + " bytes, expected " +
           std::to_string(kMostBytes) + " at most");
}

VaeConfig ReadVae(const Folder& folder) { return ReadVaeConfig(folder.Config("vae")); }

std::shared_ptr<const Vae> OpenVae(const Folder& folder, const nn::Placement& placement) {
  const VaeConfig config = ReadVae(folder);
  return std::make_shared<const Vae>(folder.OpenWeights("vae"), config,
                                     VaePlacement(config, placement));
}

// The entries of the scheduler's tables that are made: from the first one until before the second.
std::pair<int64_t, int64_t> PartOf(const DrawingRequest& request,
                                   const diffusion::Scheduler& scheduler) {
  const auto count = static_cast<int64_t>(scheduler.timesteps().size());
  int64_t begin = 0;
  if (request.denoising_start) {
    begin = scheduler.BeginAfter(*request.denoising_start);
  } else if (request.source.is_there() || request.latents.defined()) {
    begin = scheduler.BeginAt(request.source.strength);
  }
  const int64_t end = request.denoising_end ? scheduler.EndAfter(*request.denoising_end) : count;
  if (begin >= end)
    Refuse("between denoising_start and denoising_end there is none of " +
           std::to_string(request.sampling.steps) + " steps; give more steps, or a larger part");
  return {begin, end};
}

// The scale as an input of networks that were distilled for it (arXiv:2310.04378).
at::Tensor GuidanceWaves(double scale, int64_t width) {
  return Waves(at::full({1}, (scale - 1.0) * 1000.0, at::kFloat), width,
               {.cosines_first = false, .shift = 1});
}

// The contrast that the prompt's own output has (arXiv:2305.08891).
at::Tensor Rescale(const at::Tensor& guided, const at::Tensor& prompted, double share) {
  const auto deviation = [](const at::Tensor& output) {
    return output.std({1, 2, 3}, std::optional<at::Scalar>(1), true);
  };
  const at::Tensor rescaled = guided * (deviation(prompted) / deviation(guided));
  return share * rescaled + (1.0 - share) * guided;
}

}  // namespace

Pipeline::Pipeline(const Folder& folder, const nn::Placement& placement,
                   const PipelineOptions& options, std::shared_ptr<const Vae> vae)
    : options_(options),
      zeros_for_no_prompt_(folder.zeros_for_no_prompt()),
      is_refiner_(folder.is_refiner()),
      scheduler_(folder.Config("scheduler")),
      layers_(options.replaces ? std::make_unique<NetworkLayers>(folder, placement) : nullptr),
      text_(folder, placement, options.embeddings, layers_.get()),
      prompts_(&text_, options.prompts),
      unet_(folder, placement, options.compiled, options.reserve,
            layers_ ? layers_->Of("unet") : nullptr),
      vae_(vae ? std::move(vae) : OpenVae(folder, placement)),
      // The latents, the mask, and what it leaves.
      sees_masks_(unet_.config().in_channels == 2 * vae_->config().latent_channels + 1) {
  const auto differ = [&](const char* what, int64_t found, int64_t expected) {
    if (found != expected)
      throw Error(DR_FAILED_PRECONDITION, folder.path() + ": " + what + " is " +
                                              std::to_string(found) + ", the unet's config says " +
                                              std::to_string(expected));
  };
  for (const StageConfig& stage : unet_.config().stages)
    if (!stage.down_depths.empty() || !stage.up_depths.empty())
      differ("the width of the text encoders' states", text_.width(), stage.context);
  if (!sees_masks_)
    differ("latent_channels of the vae", vae_->config().latent_channels,
           unet_.config().in_channels);
  differ("latent_channels of the vae", vae_->config().latent_channels, unet_.config().out_channels);
  if (unet_.config().added_width > 0)
    differ(is_refiner_ ? "the width of pooled text and five time_ids"
                       : "the width of pooled text and six time_ids",
           text_.pooled_width() + (is_refiner_ ? 5 : 6) * unet_.config().added_wave_width,
           unet_.config().added_width);
  diffusion::NamedScheduler(scheduler_, "default");  // throws if it is no good
}

Pipeline::Told Pipeline::Understand(const DrawingRequest& request, bool is_guided,
                                    const std::function<void()>& between) {
  const bool is_zero = is_guided && !request.negative && zeros_for_no_prompt_;
  const Prompt negative = request.negative.value_or(Prompt{});
  const int64_t chunks =
      std::max(text_.Chunks(request.prompt), is_guided && !is_zero ? text_.Chunks(negative) : 1);
  if (chunks > kMostChunks)
    Refuse("the prompt or its negative takes " + std::to_string(chunks) + " times the " +
           std::to_string(text_.positions()) + " tokens of the text encoders, expected " +
           std::to_string(kMostChunks) + " times at most; make it shorter");
  const LoraSet* const loras = request.loras.get();
  const auto encode = [&](const Prompt& prompt, int64_t skipped) {
    return prompts_.Encode(
        prompt, skipped, chunks,
        loras != nullptr && loras->ChangesTexts() ? loras->identity() : std::string(), [&] {
          if (layers_) layers_->Use(Stage::kTexts, loras, between);
        });
  };
  PromptStates found = encode(request.prompt, request.skipped_layers);
  if (is_guided) {
    // The negative's layers are those that the network was trained with, as in the reference.
    const PromptStates other =
        is_zero ? PromptStates{at::zeros_like(found.states), at::zeros_like(found.pooled)}
                : encode(negative, 0);
    found.states = at::cat({other.states, found.states});
    found.pooled = at::cat({other.pooled, found.pooled});
  }
  at::Tensor sizes = Sizes(request, request.crop, request.aesthetic_score);
  if (is_guided) {
    // To the reference's refiner a negative is not cut from anything.
    const auto crop = is_refiner_ ? std::array<int64_t, 2>{} : request.crop;
    sizes = at::cat({Sizes(request, crop, request.negative_aesthetic_score), sizes});
  }
  return {std::move(found), std::move(sizes)};
}

at::Tensor Pipeline::Sizes(const DrawingRequest& request, const std::array<int64_t, 2>& crop,
                           double score) const {
  const std::array<int64_t, 2> own = {request.height, request.width};
  const std::array<int64_t, 2> original = request.original_size.value_or(own);
  const std::array<int64_t, 2> target = request.target_size.value_or(own);
  std::vector<double> ids;
  for (const auto& pair : {original, crop}) ids.insert(ids.end(), pair.begin(), pair.end());
  if (is_refiner_) {
    ids.push_back(score);
  } else {
    ids.insert(ids.end(), target.begin(), target.end());
  }
  return at::tensor(ids, at::kFloat).unsqueeze(0);
}

DrawingRequest Pipeline::Sized(DrawingRequest request) const {
  const SourcePicture& source = request.source;
  const at::Tensor& latents = request.latents;
  if (!source.is_there() && !latents.defined()) return request;
  if (request.height != 0 || request.width != 0)
    Refuse(std::string("width and height are given beside ") +
           (source.is_there() ? "a picture: the result is of the picture's size"
                              : "latents: the result is of their size"));
  if (source.is_there()) {
    request.height = source.pixels.size(2);
    request.width = source.pixels.size(3);
  }
  if (!latents.defined()) return request;
  const int64_t channels = vae_->config().latent_channels;
  const int64_t factor = vae_->config().factor();
  if (latents.size(1) != channels)
    Refuse("the latents have " + std::to_string(latents.size(1)) + " channels, this model's have " +
           std::to_string(channels));
  if (latents.size(0) != 1 && latents.size(0) != request.pictures)
    Refuse("the latents are of " + std::to_string(latents.size(0)) + " pictures, num_images is " +
           std::to_string(request.pictures));
  const std::array<int64_t, 2> own = {latents.size(2) * factor, latents.size(3) * factor};
  if (source.is_there() && own != std::array{request.height, request.width})
    Refuse("the latents are of " + std::to_string(own[1]) + " x " + std::to_string(own[0]) +
           " pixels, the image is of " + std::to_string(request.width) + " x " +
           std::to_string(request.height));
  request.height = own[0];
  request.width = own[1];
  return request;
}

DrawingRequest Pipeline::Checked(DrawingRequest request) const {
  const SourcePicture& source = request.source;
  CheckParts(request);
  request = Sized(std::move(request));
  request.source.is_begun = request.denoising_start && !request.latents.defined();
  if (is_refiner_ && !source.is_there() && !request.latents.defined())
    Refuse("this model is a refiner, which only changes pictures: give image or latents");
  if (sees_masks_ && !source.mask.defined())
    Refuse("this model repaints parts of pictures: give image and mask");
  if (request.height == 0) request.height = trained_edge();
  if (request.width == 0) request.width = trained_edge();
  const int64_t factor = vae_->config().factor();
  for (const auto& [name, edge] :
       {std::pair{"height", request.height}, std::pair{"width", request.width}})
    if (edge < factor || edge % factor != 0)
      Refuse(std::string(name) + " is " + std::to_string(edge) + ", expected a multiple of " +
             std::to_string(factor));
  CheckLength("prompt", request.prompt.text);
  CheckLength("prompt_2", request.prompt.text_2);
  if (request.negative) {
    CheckLength("negative_prompt", request.negative->text);
    CheckLength("negative_prompt_2", request.negative->text_2);
  }
  return request;
}

std::vector<std::unique_ptr<Drawing>> Pipeline::Begin(const DrawingRequest& asked,
                                                      const std::function<void()>& between) {
  const DrawingRequest request = Checked(asked);
  TORCH_CHECK(layers_ || !request.loras, "LoRAs for networks that stay as they are");
  const int64_t factor = vae_->config().factor();
  const UNetConfig& unet = unet_.config();
  const nn::Placement& placement = unet_.placement();
  const std::shared_ptr<const diffusion::Scheduler> scheduler = diffusion::MakeScheduler(
      diffusion::NamedScheduler(scheduler_, request.scheduler), request.sampling);
  const bool is_guided = request.guidance_scale > 1.0 && unet.guidance_width == 0;
  const auto [begin, end] = PartOf(request, *scheduler);
  std::optional<Source> source;
  if (request.source.is_there())
    source.emplace(*vae_, request.source, placement, sees_masks_, options_.tile);
  const std::array<int64_t, 4> shape = {1, vae_->config().latent_channels, request.height / factor,
                                        request.width / factor};
  const Told told = Understand(request, is_guided, between);
  const Denoiser& network = unet_.For(shape[2], shape[3], is_guided ? 2 : 1);
  if (layers_) layers_->Use(Stage::kConditions, request.loras.get(), between);
  const Condition condition = network.Prepare(told.texts.states, told.texts.pooled, told.sizes);
  std::vector<std::unique_ptr<Drawing>> drawings;
  for (int64_t i = 0; i < request.pictures; ++i) {
    const uint64_t seed = request.seed + static_cast<uint64_t>(i);
    std::unique_ptr<Drawing> drawing(new Drawing(
        scheduler, scheduler->Begin(diffusion::NoiseSource(std::span(&seed, 1)), begin), end));
    diffusion::SchedulerState* const state = &drawing->state_;
    if (source) {
      drawing->start_ = source->Begin(*scheduler, state);
      drawing->latents_ = std::exchange(drawing->start_.latents, {});
    }
    if (request.latents.defined()) {
      const int64_t row = request.latents.size(0) == 1 ? 0 : i;
      drawing->latents_ = placement.Place(request.latents.narrow(0, row, 1))
                              .contiguous(at::MemoryFormat::Contiguous);
      if (!request.denoising_start)
        drawing->latents_ = scheduler->AddNoise(
            drawing->latents_, state->noise.Draw(shape, placement.dtype, placement.device), begin);
    } else if (!source) {
      drawing->latents_ = scheduler->FirstLatents(shape, placement.dtype, placement.device, state);
    }
    drawing->height_ = request.height;
    drawing->width_ = request.width;
    drawing->is_guided_ = is_guided;
    drawing->guidance_scale_ = request.guidance_scale;
    drawing->guidance_rescale_ = request.guidance_rescale;
    if (unet.guidance_width > 0)
      drawing->guidance_ = GuidanceWaves(request.guidance_scale, unet.guidance_width);
    drawing->network_ = &network;
    drawing->condition_ = condition;
    drawing->loras_ = request.loras;
    drawings.push_back(std::move(drawing));
  }
  return drawings;
}

std::vector<Pipeline::Group> Pipeline::OfOneSet(std::span<Drawing* const> drawings) const {
  const auto identity = [](const Drawing& drawing) {
    return drawing.loras_ ? drawing.loras_->identity() : std::string();
  };
  std::map<std::string, Group> sets;
  for (Drawing* const drawing : drawings)
    if (!drawing->Done()) sets[identity(*drawing)].push_back(drawing);
  std::vector<Group> groups;
  if (layers_)
    if (auto first = sets.extract(layers_->for_steps()))
      groups.push_back(std::move(first.mapped()));
  for (auto& [set, group] : sets) groups.push_back(std::move(group));
  return groups;
}

std::vector<Pipeline::Group> Pipeline::Groups(std::span<Drawing* const> drawings) const {
  const int64_t trained = unet_.config().sample_size * unet_.config().sample_size;
  std::vector<Group> groups;
  std::vector<int64_t> rows;
  for (Drawing* const drawing : drawings) {
    const int64_t places = drawing->latents_.size(2) * drawing->latents_.size(3);
    const int64_t most = std::min(options_.rows * trained / places, drawing->network_->most_rows());
    size_t at = 0;
    while (at < groups.size() &&
           (!drawing->Fits(*groups[at].front()) || rows[at] + drawing->rows() > most))
      ++at;
    if (at == groups.size()) {
      groups.emplace_back();
      rows.push_back(0);
    }
    groups[at].push_back(drawing);
    rows[at] += drawing->rows();
  }
  return groups;
}

std::vector<at::Tensor> Pipeline::Outputs(const Group& group) const {
  std::vector<at::Tensor> latents;
  std::vector<double> timesteps;
  std::vector<at::Tensor> guidance;
  std::vector<const Condition*> conditions;
  for (const Drawing* const drawing : group) {
    at::Tensor input = drawing->scheduler_->ScaleModelInput(drawing->latents_, drawing->state_);
    if (drawing->start_.seen.defined()) input = at::cat({input, drawing->start_.seen}, 1);
    for (int64_t row = 0; row < drawing->rows(); ++row) {
      latents.push_back(input);
      timesteps.push_back(drawing->scheduler_->Timestep(drawing->state_));
    }
    if (drawing->guidance_.defined()) guidance.push_back(drawing->guidance_);
    conditions.push_back(&drawing->condition_);
  }
  const at::Tensor rows = group.front()->network()(
      at::cat(latents), at::tensor(timesteps, at::kFloat), Join(conditions),
      guidance.empty() ? at::Tensor() : at::cat(guidance));
  std::vector<at::Tensor> outputs;
  int64_t row = 0;
  for (const Drawing* const drawing : group) {
    at::Tensor output = rows.slice(0, row, row + 1);
    if (drawing->is_guided_) {
      const at::Tensor prompted = rows.slice(0, row + 1, row + 2);
      output = output + drawing->guidance_scale_ * (prompted - output);
      if (drawing->guidance_rescale_ > 0)
        output = Rescale(output, prompted, drawing->guidance_rescale_);
    }
    row += drawing->rows();
    // A copy, since a scheduler may keep it: not all the outputs of the batch with it.
    outputs.push_back(output.clone(at::MemoryFormat::Contiguous));
  }
  return outputs;
}

void Pipeline::Step(std::span<Drawing* const> drawings) {
  // First all that can run out of memory.
  std::vector<std::pair<Drawing*, at::Tensor>> moves;
  for (const Group& of_set : OfOneSet(drawings)) {
    if (layers_) layers_->Use(Stage::kSteps, of_set.front()->loras_.get());
    for (const Group& group : Groups(of_set)) {
      const std::vector<at::Tensor> outputs = Outputs(group);
      for (size_t i = 0; i < group.size(); ++i) moves.emplace_back(group[i], outputs[i]);
    }
  }
  for (const auto& [drawing, output] : moves) {
    const diffusion::Scheduler& scheduler = *drawing->scheduler_;
    if (std::exchange(drawing->is_watched_, false))
      drawing->estimate_ = scheduler.Estimate(output, drawing->latents_, drawing->state_);
    const at::Tensor next = scheduler.Step(output, drawing->latents_, &drawing->state_);
    drawing->latents_ = Blended(drawing->start_, next, scheduler, drawing->state_);
  }
}

at::Tensor Pipeline::Finish(const Drawing& drawing, const Vae::BetweenTiles& between) const {
  const at::Tensor latents = vae_->FromDiffusion(vae_->placement().Place(drawing.latents_));
  return vae_->Decode(latents, options_.tile, between)
      .to(at::kFloat)
      .div(2.0)
      .add_(0.5)
      .clamp_(0.0, 1.0);
}

uint64_t Pipeline::LoraBytes(const LoraSet* set) const {
  return layers_ ? layers_->OwnBytes(set) : 0;
}

uint64_t Pipeline::WorkingBytes(int64_t height, int64_t width, int64_t rows) const {
  const auto bytes = [](int64_t numbers, at::ScalarType dtype) {
    return static_cast<uint64_t>(numbers) * at::elementSize(dtype);
  };
  const int64_t factor = vae_->config().factor();
  const uint64_t of_unet = bytes((height / factor) * (width / factor) * rows * kUNetWidths *
                                     unet_.config().stages.front().channels,
                                 unet_.placement().dtype);
  const auto within_tile = [&](int64_t edge) {
    return options_.tile > 0 ? std::min(edge, options_.tile) : edge;
  };
  const uint64_t of_vae =
      bytes(within_tile(height) * within_tile(width) * kVaeWidths * vae_->config().channels.front(),
            vae_->placement().dtype);
  return std::max(of_unet, of_vae);
}

}  // namespace darkroom::sdxl
