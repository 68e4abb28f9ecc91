// SPDX-License-Identifier: Apache-2.0

#include "common/diffusion/noise_source.h"

#include <ATen/CPUGeneratorImpl.h>

#include <darkroom/plugin.hpp>
#include <string>

namespace darkroom::diffusion {

NoiseSource::NoiseSource(std::span<const uint64_t> seeds) {
  if (seeds.empty()) throw Error(DR_INVALID_ARGUMENT, "no seed: noise needs at least one");
  for (const uint64_t seed : seeds) generators_.push_back(at::detail::createCPUGenerator(seed));
}

NoiseSource::NoiseSource(ByteReader* bytes) {
  const uint64_t count = bytes->Number();
  for (uint64_t i = 0; i < count; ++i) {
    const at::Tensor state = bytes->Tensor();
    at::Generator generator = at::detail::createCPUGenerator(0);
    try {
      generator.set_state(state);
    } catch (const c10::Error&) {
      ByteReader::Damaged("it has no state of a random generator where one must be");
    }
    generators_.push_back(std::move(generator));
  }
  if (generators_.empty()) ByteReader::Damaged("it has no random generator");
}

at::Tensor NoiseSource::Draw(at::IntArrayRef shape, at::ScalarType dtype, at::Device device) {
  if (generators_.size() == 1) return at::randn(shape, generators_[0], dtype).to(device);
  if (shape.empty() || generators_.size() != static_cast<size_t>(shape[0]))
    throw Error(DR_INVALID_ARGUMENT, std::to_string(generators_.size()) + " seeds for " +
                                         std::to_string(shape.empty() ? 0 : shape[0]) +
                                         " pictures; give one seed, or one for each picture");
  std::vector<int64_t> one(shape.begin(), shape.end());
  one[0] = 1;
  std::vector<at::Tensor> drawn;
  for (const at::Generator& generator : generators_)
    drawn.push_back(at::randn(one, generator, dtype));
  return at::cat(drawn).to(device);
}

at::Tensor NoiseSource::DrawLike(const at::Tensor& tensor, at::ScalarType dtype) {
  return Draw(tensor.sizes(), dtype, tensor.device());
}

void NoiseSource::Save(ByteWriter* bytes) const {
  bytes->Add(generators_.size());
  for (const at::Generator& generator : generators_) bytes->Add(generator.get_state());
}

}  // namespace darkroom::diffusion
