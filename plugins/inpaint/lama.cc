// SPDX-License-Identifier: Apache-2.0

#include "inpaint/lama.h"

#include <darkroom/plugin.hpp>

#include "common/safetensors.h"

namespace darkroom::inpaint {
namespace {

// The picture's colours and the mask.
constexpr int64_t kInputs = 4;
constexpr int64_t kEdge = 3;  // of the first and the last convolution, of kernel 7

// Where the tensors' names begin.
std::string PrefixOf(const Checkpoint& checkpoint) {
  for (const char* prefix : {"generator.model.", "model."})
    if (checkpoint.tensors().contains(std::string(prefix) + "1.ffc.convl2l.weight")) return prefix;
  throw Error(DR_FAILED_PRECONDITION, checkpoint.path() +
                                          " is no generator of LaMa: there is no tensor "
                                          "generator.model.1.ffc.convl2l.weight");
}

// How many convolutions of this kind follow each other, from the module's number on.
int64_t CountFrom(const Checkpoint& checkpoint, const std::string& prefix, int64_t number,
                  const std::string& name) {
  for (int64_t count = 0;; ++count) {
    std::string module = prefix;
    module.append(std::to_string(number + count)).append(name);
    if (!checkpoint.tensors().contains(module)) return count;
  }
}

int64_t LengthOf(const Checkpoint& checkpoint, const std::string& name, int64_t dimension) {
  const auto found = checkpoint.tensors().find(name);
  if (found == checkpoint.tensors().end() || found->second.dim() <= dimension)
    throw Error(DR_FAILED_PRECONDITION, checkpoint.path() + ": there is no tensor " + name +
                                            " as a generator of LaMa has it");
  return found->second.size(dimension);
}

at::Tensor TakeBias(WeightReader& reader, const std::string& name, int64_t channels) {
  return reader.Take(name + ".bias", {channels}).to(at::kFloat);
}

}  // namespace

Lama::Lama(const Checkpoint& checkpoint, const Place& place) : place_(place) {
  const std::string prefix = PrefixOf(checkpoint);
  WeightReader reader(checkpoint);
  const auto name = [&](int64_t number) { return prefix + std::to_string(number); };

  width_ = LengthOf(checkpoint, name(1) + ".ffc.convl2l.weight", 0);
  reducing_.emplace_back(reader, name(1), Split{kInputs, 0}, Split{width_, 0}, 7, 1, 0, place);

  // Module 0 only pads, and the one before the enlarging ones only joins the channels.
  const int64_t reductions = CountFrom(checkpoint, prefix, 2, ".ffc.convl2l.weight");
  Split channels{width_, 0};
  for (int64_t i = 0; i < reductions; ++i) {
    const std::string here = name(2 + i);
    Split next{2 * (channels.local + channels.global), 0};
    // The last of them makes the first global channels.
    if (i + 1 == reductions && reader.Has(here + ".ffc.convl2g.weight")) {
      next.global = LengthOf(checkpoint, here + ".ffc.convl2g.weight", 0);
      next.local -= next.global;
    }
    reducing_.emplace_back(reader, here, channels, next, 3, 2, 1, place);
    channels = next;
  }
  int64_t number = 2 + reductions;
  for (; reader.Has(name(number) + ".conv1.ffc.convl2l.weight"); ++number) {
    blocks_.push_back({{reader, name(number) + ".conv1", channels, channels, 3, 1, 1, place},
                       {reader, name(number) + ".conv2", channels, channels, 3, 1, 1, place}});
    reader.ReleasePages();
  }
  if (reductions == 0 || blocks_.empty())
    throw Error(DR_FAILED_PRECONDITION, checkpoint.path() + " is no generator of LaMa: it has " +
                                            std::to_string(reductions) + " reductions and " +
                                            std::to_string(blocks_.size()) + " blocks");
  ++number;
  int64_t width = channels.local + channels.global;
  for (int64_t i = 0; i < reductions; ++i, number += 3, width /= 2) {
    const Norm norm = TakeNorm(reader, name(number + 1), width / 2);
    // Of a transposed convolution the outputs come second.
    const at::Tensor weight =
        reader.Take(name(number) + ".weight", {width, width / 2, 3, 3}).to(at::kFloat) *
        norm.scale.view({1, -1, 1, 1});
    const at::Tensor bias = TakeBias(reader, name(number), width / 2) * norm.scale + norm.shift;
    enlarging_.push_back(
        {weight.to(place.device, place.dtype), bias.to(place.device, place.dtype)});
  }
  ++number;
  last_ = {reader.Take(name(number) + ".weight", {3, width, 7, 7}),
           TakeBias(reader, name(number), 3), 1, kEdge, place};
  reader.CheckAllTaken();
}

std::string Lama::Describe() const {
  return "LaMa, " + std::to_string(width_) + " channels, " + std::to_string(blocks_.size()) +
         " blocks, on " + place_.device.str() + ", " + at::toString(place_.dtype);
}

at::Tensor Lama::Fill(const at::Tensor& picture, const at::Tensor& mask) const {
  const at::Tensor given = at::cat({picture * (1 - mask), mask}, 1)
                               .to(place_.device, place_.dtype)
                               .contiguous(at::MemoryFormat::ChannelsLast);
  Channels channels{at::reflection_pad2d(given, {kEdge, kEdge, kEdge, kEdge}), {}};
  for (const FourierConvolution& one : reducing_) channels = one(channels);
  for (const Block& block : blocks_) {
    const Channels changed = block.second(block.first(channels));
    channels.local = channels.local + changed.local;
    if (channels.global.defined()) channels.global = channels.global + changed.global;
  }
  at::Tensor made =
      channels.global.defined() ? at::cat({channels.local, channels.global}, 1) : channels.local;
  for (const Enlarging& one : enlarging_)
    made = at::relu(at::conv_transpose2d(made, one.weight, one.bias, 2, 1, 1));
  return at::sigmoid(last_(made)).to(at::kCPU, at::kFloat);
}

}  // namespace darkroom::inpaint
