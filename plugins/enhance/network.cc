// SPDX-License-Identifier: Apache-2.0

#include "enhance/network.h"

#include <darkroom/plugin.hpp>

#include "enhance/rrdbnet.h"
#include "enhance/srvgg_net_compact.h"

namespace darkroom {

std::unique_ptr<Network> LoadNetwork(const Safetensors& file, const Placement& placement) {
  TORCH_CHECK(placement.engine == Engine::kDirect ||
                  (placement.device.is_cpu() && placement.dtype == at::kFloat),
              "the Winograd engine is for float32 on the CPU");
  if (file.tensors().contains("conv_first.weight")) return LoadRrdbNet(file, placement);
  if (file.tensors().contains("body.0.weight")) return LoadSrvggNetCompact(file, placement);
  throw Error(DR_FAILED_PRECONDITION,
              "weights " + file.path() +
                  ": neither RRDBNet (no tensor 'conv_first.weight') nor SRVGGNetCompact (no "
                  "tensor 'body.0.weight')");
}

ConvolutionWeights TakeConvolution(WeightReader& reader, const std::string& name, int64_t inputs,
                                   int64_t outputs) {
  return {reader.Take(name + ".weight", {outputs, inputs, 3, 3}),
          reader.Take(name + ".bias", {outputs})};
}

DirectConvolution::DirectConvolution(const ConvolutionWeights& weights, const Placement& placement)
    : weight_(weights.weight.to(placement.device, placement.dtype)
                  .contiguous(at::MemoryFormat::ChannelsLast)),
      bias_(weights.bias.to(placement.device, placement.dtype)) {}

at::Tensor DirectConvolution::operator()(const at::Tensor& input) const {
  return at::conv2d(input, weight_, bias_, 1, 1);
}

void CheckMetadata(const Safetensors& file, const std::string& key, const std::string& value) {
  const auto found = file.metadata().find(key);
  if (found != file.metadata().end() && found->second != value)
    throw Error(DR_FAILED_PRECONDITION, "weights " + file.path() + ": the metadata says " + key +
                                            " is " + Quoted(found->second) + ", the tensors say " +
                                            value);
}

}  // namespace darkroom
