// SPDX-License-Identifier: Apache-2.0

#include "sdxl/text_to_image.h"

#include <darkroom/plugin.hpp>
#include <utility>
#include <vector>

#include "common/diffusion/registry.h"

namespace darkroom::sdxl {
namespace {

[[noreturn]] void Refuse(const std::string& words) { throw Error(DR_INVALID_ARGUMENT, words); }

VaeConfig ReadVae(const Folder& folder) {
  return ReadVaeConfig(JsonConfig::Read(folder.Part("vae/config.json")));
}

UNetConfig ReadUNet(const Folder& folder) {
  return ReadUNetConfig(JsonConfig::Read(folder.Part("unet/config.json")));
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

bool Drawing::Fits(const Drawing& other) const {
  return latents_.sizes() == other.latents_.sizes() &&
         (condition_.keys.empty() ||
          condition_.keys.front().size(1) == other.condition_.keys.front().size(1));
}

TextToImage::TextToImage(const Folder& folder, const nn::Placement& placement)
    : zeros_for_no_prompt_(folder.zeros_for_no_prompt()),
      scheduler_(JsonConfig::Read(folder.Part("scheduler/scheduler_config.json"))),
      text_(folder, placement),
      unet_(folder.OpenWeights("unet"), ReadUNet(folder), placement),
      vae_(folder.OpenWeights("vae"), ReadVae(folder), VaePlacement(ReadVae(folder), placement)) {
  const auto differ = [&](const char* what, int64_t found, int64_t expected) {
    if (found != expected)
      throw Error(DR_FAILED_PRECONDITION, folder.path() + ": " + what + " is " +
                                              std::to_string(found) + ", the unet's config says " +
                                              std::to_string(expected));
  };
  for (const StageConfig& stage : unet_.config().stages)
    if (!stage.down_depths.empty() || !stage.up_depths.empty())
      differ("the width of both text encoders' states", text_.width(), stage.context);
  differ("latent_channels of the vae", vae_.config().latent_channels, unet_.config().in_channels);
  differ("latent_channels of the vae", vae_.config().latent_channels, unet_.config().out_channels);
  if (unet_.config().added_width > 0)
    differ("the width of pooled text and six time_ids",
           text_.pooled_width() + 6 * unet_.config().added_wave_width, unet_.config().added_width);
  diffusion::NamedScheduler(scheduler_, "default");  // throws if it is no good
}

Condition TextToImage::Understand(const DrawingRequest& request, bool is_guided) const {
  const bool is_zero = is_guided && !request.negative && zeros_for_no_prompt_;
  const Prompt negative = request.negative.value_or(Prompt{});
  const int64_t chunks = is_guided && !is_zero ? text_.Chunks(negative) : 1;
  PromptStates found = text_.Encode({request.prompt}, request.skipped_layers, chunks);
  if (is_guided) {
    // The negative's layers are those that the network was trained with, as in the reference.
    const PromptStates other =
        is_zero ? PromptStates{at::zeros_like(found.states), at::zeros_like(found.pooled)}
                : text_.Encode({negative}, 0, found.states.size(1) / text_.positions());
    found.states = at::cat({other.states, found.states});
    found.pooled = at::cat({other.pooled, found.pooled});
  }
  const std::array<int64_t, 2> own = {request.height, request.width};
  const std::array<int64_t, 2> original = request.original_size.value_or(own);
  const std::array<int64_t, 2> target = request.target_size.value_or(own);
  const at::Tensor ids =
      at::tensor({original[0], original[1], request.crop[0], request.crop[1], target[0], target[1]},
                 at::kLong)
          .to(at::kFloat);
  return unet_.Prepare(found.states, found.pooled, ids.expand({found.states.size(0), -1}));
}

std::unique_ptr<Drawing> TextToImage::Begin(const DrawingRequest& asked) const {
  DrawingRequest request = asked;
  const int64_t factor = vae_.config().factor();
  const int64_t trained = unet_.config().sample_size * factor;
  if (request.height == 0) request.height = trained;
  if (request.width == 0) request.width = trained;
  for (const auto& [name, edge] :
       {std::pair{"height", request.height}, std::pair{"width", request.width}})
    if (edge < factor || edge % factor != 0)
      Refuse(std::string(name) + " is " + std::to_string(edge) + ", expected a multiple of " +
             std::to_string(factor));

  const UNetConfig& unet = unet_.config();
  const nn::Placement& placement = unet_.placement();
  auto scheduler = diffusion::MakeScheduler(
      diffusion::NamedScheduler(scheduler_, request.scheduler), request.sampling);
  diffusion::SchedulerState state =
      scheduler->Begin(diffusion::NoiseSource(std::span(&request.seed, 1)));
  const at::Tensor latents = scheduler->FirstLatents(
      {1, unet.in_channels, request.height / factor, request.width / factor}, placement.dtype,
      placement.device, &state);
  std::unique_ptr<Drawing> drawing(new Drawing(std::move(scheduler), std::move(state)));
  drawing->latents_ = latents;
  drawing->is_guided_ = request.guidance_scale > 1.0 && unet.guidance_width == 0;
  drawing->guidance_scale_ = request.guidance_scale;
  drawing->guidance_rescale_ = request.guidance_rescale;
  if (unet.guidance_width > 0)
    drawing->guidance_ = GuidanceWaves(request.guidance_scale, unet.guidance_width);
  drawing->condition_ = Understand(request, drawing->is_guided_);
  return drawing;
}

void TextToImage::Step(std::span<const std::unique_ptr<Drawing>> drawings) const {
  std::vector<at::Tensor> latents;
  std::vector<double> timesteps;
  std::vector<at::Tensor> guidance;
  std::vector<const Condition*> conditions;
  for (const auto& drawing : drawings) {
    TORCH_CHECK(drawing->Fits(*drawings.front()), "drawings of different sizes in one step");
    const at::Tensor input =
        drawing->scheduler_->ScaleModelInput(drawing->latents_, drawing->state_);
    for (int row = 0; row < (drawing->is_guided_ ? 2 : 1); ++row) {
      latents.push_back(input);
      timesteps.push_back(drawing->scheduler_->Timestep(drawing->state_));
    }
    if (drawing->guidance_.defined()) guidance.push_back(drawing->guidance_);
    conditions.push_back(&drawing->condition_);
  }
  const at::Tensor outputs =
      unet_(at::cat(latents), at::tensor(timesteps, at::kFloat), Join(conditions),
            guidance.empty() ? at::Tensor() : at::cat(guidance));
  int64_t row = 0;
  for (const auto& drawing : drawings) {
    at::Tensor output = outputs.slice(0, row, row + 1);
    if (drawing->is_guided_) {
      const at::Tensor prompted = outputs.slice(0, row + 1, row + 2);
      output = output + drawing->guidance_scale_ * (prompted - output);
      if (drawing->guidance_rescale_ > 0)
        output = Rescale(output, prompted, drawing->guidance_rescale_);
    }
    row += drawing->is_guided_ ? 2 : 1;
    // A copy, since a scheduler may keep it: not all the outputs of the batch with it.
    drawing->latents_ = drawing->scheduler_->Step(output.clone(at::MemoryFormat::Contiguous),
                                                  drawing->latents_, &drawing->state_);
  }
}

at::Tensor TextToImage::Finish(const Drawing& drawing, int64_t tile,
                               const Vae::BetweenTiles& between) const {
  const at::Tensor latents = vae_.FromDiffusion(vae_.placement().Place(drawing.latents_));
  return vae_.Decode(latents, tile, between).to(at::kFloat).div(2.0).add_(0.5).clamp_(0.0, 1.0);
}

}  // namespace darkroom::sdxl
