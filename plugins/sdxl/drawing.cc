// SPDX-License-Identifier: Apache-2.0

#include "sdxl/drawing.h"

#include <utility>

namespace darkroom::sdxl {

bool Drawing::Fits(const Drawing& other) const {
  return network_ == other.network_ && latents_.sizes() == other.latents_.sizes() &&
         (condition_.keys.empty() ||
          condition_.keys.front().size(1) == other.condition_.keys.front().size(1));
}

uint64_t Drawing::Bytes() const {
  uint64_t bytes = latents_.nbytes();
  for (const at::Tensor& keys : condition_.keys) bytes += keys.nbytes();
  return bytes;
}

void Drawing::Save(diffusion::ByteWriter* bytes) const {
  bytes->Add(latents_);
  bytes->Add(scheduler_->Save(state_));
}

void Drawing::Restore(diffusion::ByteReader* bytes) {
  const auto fits = [this](const at::Tensor& tensor) {
    return tensor.defined() && tensor.sizes() == latents_.sizes();
  };
  const at::Tensor latents = bytes->Tensor();
  if (!fits(latents) || latents.scalar_type() != latents_.scalar_type())
    diffusion::ByteReader::Damaged("its latents are of another size or dtype");
  const at::Device device = latents_.device();
  diffusion::SchedulerState state = scheduler_->Restore(bytes->Text(), device);
  bool whole = state.begin == state_.begin && state.index <= end_ &&
               (!state.sample.defined() || fits(state.sample));
  for (const at::Tensor& output : state.outputs) whole = whole && fits(output);
  if (!whole) diffusion::ByteReader::Damaged("its scheduler's state is of another picture");
  latents_ = latents.to(device);
  state_ = std::move(state);
}

}  // namespace darkroom::sdxl
