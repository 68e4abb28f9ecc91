// SPDX-License-Identifier: Apache-2.0
//
// NoiseSource draws the random numbers of a run: the same, bit for bit, as Python's
// torch.Generator().manual_seed(seed) on the CPU gives, on whichever device they are used. So a
// seed means one picture on every device.
//
// Not copied: two that draw from one generator would each change what the other gets. One thread.

#ifndef DARKROOM_PLUGINS_COMMON_DIFFUSION_NOISE_SOURCE_H_
#define DARKROOM_PLUGINS_COMMON_DIFFUSION_NOISE_SOURCE_H_

#include <ATen/ATen.h>
#include <ATen/core/Generator.h>

#include <cstdint>
#include <span>
#include <vector>

#include "common/diffusion/byte_stream.h"

namespace darkroom::diffusion {

class NoiseSource {
 public:
  // One seed for a tensor however many pictures it has, or one for each of them: picture i is then
  // the one that seed i makes alone.
  explicit NoiseSource(std::span<const uint64_t> seeds);
  explicit NoiseSource(ByteReader* bytes);
  NoiseSource(NoiseSource&&) = default;
  NoiseSource& operator=(NoiseSource&&) = default;

  // Normally distributed. Throws Error (DR_INVALID_ARGUMENT) when there are several seeds and
  // another number of pictures.
  at::Tensor Draw(at::IntArrayRef shape, at::ScalarType dtype, at::Device device);
  at::Tensor DrawLike(const at::Tensor& tensor, at::ScalarType dtype);

  void Save(ByteWriter* bytes) const;

 private:
  std::vector<at::Generator> generators_;
};

}  // namespace darkroom::diffusion

#endif  // DARKROOM_PLUGINS_COMMON_DIFFUSION_NOISE_SOURCE_H_
