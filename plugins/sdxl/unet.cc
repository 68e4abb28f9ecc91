// SPDX-License-Identifier: Apache-2.0

#include "sdxl/unet.h"

#include <malloc.h>

#include <string>

namespace darkroom::sdxl {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

nn::Convolution TakeSame(WeightReader& reader, const std::string& name, int64_t inputs,
                         int64_t outputs, int64_t kernel, const nn::Placement& placement) {
  return {nn::TakeConvolution(reader, name, inputs, outputs, kernel), 1, kernel / 2, placement};
}

}  // namespace

UNet::UNet(const Checkpoint& checkpoint, const UNetConfig& config, const nn::Placement& placement,
           PlacedLayers* layers)
    : UNet(WeightReader(checkpoint, layers), config, placement) {
  if (placement.Copies()) checkpoint.ReleasePages();
  // Joining and packing has left holes among the weights, a tenth of their size.
  ::malloc_trim(0);
}

UNet::UNet(WeightReader reader, const UNetConfig& config, const nn::Placement& placement)
    : config_(config),
      placement_(placement),
      time_(reader, "time_embedding", config.stages.front().channels, config.time_width,
            config.guidance_width, placement),
      in_(TakeSame(reader, "conv_in", config.in_channels, config.stages.front().channels,
                   config.in_kernel, placement)),
      norm_(nn::TakeNorm(reader, "conv_norm_out", config.stages.front().channels), config.groups,
            config.epsilon, placement),
      out_(TakeSame(reader, "conv_out", config.stages.front().channels, config.out_channels,
                    config.out_kernel, placement)) {
  if (config.added_width > 0)
    addition_.emplace(reader, "add_embedding", config.added_width, config.time_width, 0, placement);
  const std::vector<StageConfig>& stages = config.stages;
  const size_t last = stages.size() - 1;
  for (size_t i = 0; i <= last; ++i)
    down_.emplace_back(reader, "down_blocks." + std::to_string(i), config, stages[i],
                       stages[i == 0 ? 0 : i - 1].channels, i == last, placement);
  if (config.mid != MidBlock::kNone) middle_.emplace(reader, config, placement);
  for (size_t i = 0; i <= last; ++i) {
    const size_t at = last - i;
    up_.emplace_back(reader, "up_blocks." + std::to_string(i), config, stages[at],
                     stages[at == last ? last : at + 1].channels,
                     stages[at == 0 ? 0 : at - 1].channels, at == 0, placement);
  }
  reader.CheckAllTaken();
}

bool UNet::IsOfConditions(const std::string& tensor) {
  return tensor.starts_with("add_embedding.") || tensor.find(".attn2.to_k.") != std::string::npos ||
         tensor.find(".attn2.to_v.") != std::string::npos;
}

Condition UNet::Prepare(const at::Tensor& text, const at::Tensor& pooled,
                        const at::Tensor& time_ids) const {
  Condition condition;
  const at::Tensor states = placement_.Place(text);
  for (const DownBlock& block : down_) block.LookAt(states, &condition.keys);
  if (middle_) middle_->LookAt(states, &condition.keys);
  for (const UpBlock& block : up_) block.LookAt(states, &condition.keys);
  if (!addition_) return condition;
  const at::Tensor waves =
      Waves(time_ids.to(placement_.device).flatten(), config_.added_wave_width, config_.waves)
          .reshape({time_ids.size(0), -1});
  const at::Tensor all = at::cat({placement_.Place(pooled), placement_.Place(waves)}, 1);
  TORCH_CHECK(all.size(1) == config_.added_width, "pooled text and time_ids make ", all.size(1),
              " numbers, the network takes ", config_.added_width);
  condition.added = (*addition_)(all);
  return condition;
}

at::Tensor UNet::operator()(const at::Tensor& latents, const at::Tensor& timesteps,
                            const Condition& condition, const at::Tensor& guidance) const {
  TORCH_CHECK(latents.dim() == 4 && latents.size(1) == config_.in_channels &&
                  timesteps.sizes() == at::IntArrayRef({latents.size(0)}),
              "latents of ", latents.sizes(), " and timesteps of ", timesteps.sizes(),
              ", the network takes ", config_.in_channels, " channels and a timestep for each row");
  TORCH_CHECK(!guidance.defined() || config_.guidance_width > 0,
              "guidance is no input of this network");
  at::Tensor time = time_(placement_.Place(Waves(timesteps.to(placement_.device),
                                                 config_.stages.front().channels, config_.waves)),
                          guidance.defined() ? placement_.Place(guidance) : guidance);
  if (addition_) time.add_(condition.added);
  // Each residual block would begin with it.
  StepInputs step{at::silu_(time), condition.keys.data()};

  at::Tensor x = placement_.Place(latents).contiguous(kChannelsLast);
  if (config_.center_input) x = x * 2.0 - 1.0;
  x = in_(x);
  std::vector<at::Tensor> left = {x};
  for (const DownBlock& block : down_) x = block(x, &step, &left);
  if (middle_) x = (*middle_)(x, &step);
  for (const UpBlock& block : up_) x = block(x, &step, &left);
  x = norm_(x);
  return out_(at::silu_(x));
}

}  // namespace darkroom::sdxl
