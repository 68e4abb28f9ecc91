// SPDX-License-Identifier: Apache-2.0
//
// CompiledUNet is the denoising network as `darkroom models compile` made it of diffusers': a
// package for one kind of device, one dtype and mostly one size, which takes its weights from the
// model's own files. cli/compile_unet.py writes what is read here.
//
// What it makes is as near to the ordinary network's as two implementations are, not equal to the
// bit.
//
// Ownership: the package's code; the weights are shared by all packages of a model. Threads:
// immutable once made; it runs on the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_COMPILED_UNET_H_
#define DARKROOM_PLUGINS_SDXL_COMPILED_UNET_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/nn/placement.h"
#include "common/program/program.h"
#include "common/weight_reader.h"
#include "sdxl/denoiser.h"
#include "sdxl/unet_config.h"

namespace darkroom::sdxl {

// The option `compiled`, or one of its list.
struct CompiledFile {
  std::string path;
  std::string sha256;
};

// A model's weights as packages take them: each placed once, however many packages there are, and
// on the CPU in the file's own dtype not copied from its mapping at all. One thread.
class PackageWeights {
 public:
  // `checkpoint` must outlive it.
  PackageWeights(const Checkpoint& checkpoint, const nn::Placement& placement)
      : reader_(checkpoint), placement_(placement) {}

  // Throws Error as WeightReader does.
  at::Tensor Take(const std::string& name, at::IntArrayRef shape, bool channels_last);

 private:
  WeightReader reader_;
  nn::Placement placement_;
  std::map<std::pair<std::string, bool>, at::Tensor> placed_;
};

class CompiledUNet final : public Denoiser {
 public:
  // `config`: the model's. Throws Error that names the file: DR_NOT_FOUND, DR_FAILED_PRECONDITION
  // for one that was not pinned, or is for another device, dtype, libtorch or network.
  CompiledUNet(const CompiledFile& file, const UNetConfig& config, const nn::Placement& placement,
               PackageWeights* weights);

  // Whether it is for latents of this size, and so many rows at least.
  bool Takes(int64_t height, int64_t width, int64_t rows) const;

  Condition Prepare(const at::Tensor& text, const at::Tensor& pooled,
                    const at::Tensor& time_ids) const override;
  at::Tensor operator()(const at::Tensor& latents, const at::Tensor& timesteps,
                        const Condition& condition, const at::Tensor& guidance) const override;
  int64_t most_rows() const override { return rows_; }
  std::string identity() const override { return identity_; }

 private:
  void Load(const CompiledFile& file, const UNetConfig& config, PackageWeights* weights);

  nn::Placement placement_;
  bool has_addition_;
  std::string identity_;
  int64_t rows_ = 0;
  int64_t height_ = 0;  // of latents; 0: any
  int64_t width_ = 0;
  int64_t factor_ = 1;  // which divides both
  std::unique_ptr<Program> program_;
};

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_COMPILED_UNET_H_
