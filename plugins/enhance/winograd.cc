// SPDX-License-Identifier: Apache-2.0

#include "enhance/winograd.h"

#include <algorithm>
#include <numeric>

#include "common/parallel.h"

namespace darkroom {
namespace {

// Tiles that go through a layer together: their points and sums for 64 channels take 0.9 MB, so
// that they stay in a core's second-level cache between the steps. A multiple of the rows of every
// kernel.
constexpr int64_t kBlock = 48;

int64_t TilesAcross(int64_t edge) { return (edge + kWinogradTile - 1) / kWinogradTile; }

int64_t BlocksOf(int64_t height, int64_t width) {
  return (TilesAcross(height) * TilesAcross(width) + kBlock - 1) / kBlock;
}

// Transforms tiles first..first+count of an output of height x width from `plane`, whose pixels are
// each read as a square of `1 << shift` by `1 << shift`.
void TransformTiles(const Plane& plane, int shift, int64_t across, int64_t first, int64_t count,
                    float* points, int64_t channels) {
  const WinogradKernels& kernels = BestWinogradKernels();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t top = (first + i) / across * kWinogradTile - 1;
    const int64_t left = (first + i) % across * kWinogradTile - 1;
    int64_t rows[kWinogradPatch];
    int64_t columns[kWinogradPatch];
    for (int64_t j = 0; j < kWinogradPatch; ++j) {
      rows[j] = ((top + j) >> shift) * plane.row_stride();
      columns[j] = ((left + j) >> shift) * plane.channels();
    }
    kernels.transform_input(plane.pixels(), rows, columns, plane.channels(), points + i * channels,
                            kBlock * channels);
  }
}

// [out] as floats, filled up with zeros to whole lanes.
at::Tensor PerChannel(const at::Tensor& values, int64_t count) {
  at::Tensor filled = at::zeros({WinogradChannels(count)}, at::kFloat);
  filled.narrow(0, 0, count).copy_(values.expand({count}));
  return filled;
}

}  // namespace

int64_t WinogradChannels(int64_t channels) {
  return (channels + kWinogradLane - 1) / kWinogradLane * kWinogradLane;
}

Plane::Plane(int64_t height, int64_t width, int64_t channels)
    : height_(height),
      width_(width),
      channels_(WinogradChannels(channels)),
      row_stride_((TilesAcross(width) * kWinogradTile + 2) * channels_) {
  const int64_t rows = TilesAcross(height) * kWinogradTile + 2;
  memory_ = at::empty({rows * row_stride_}, at::kFloat);
  pixels_ = memory_.mutable_data_ptr<float>() + row_stride_ + channels_;
  // Only what lies around the pixels is ever read before it is written.
  at::Tensor grid = memory_.view({rows, row_stride_ / channels_, channels_});
  grid.narrow(0, 0, 1).zero_();
  grid.narrow(0, height + 1, rows - height - 1).zero_();
  grid.narrow(1, 0, 1).zero_();
  grid.narrow(1, width + 1, grid.size(1) - width - 1).zero_();
}

at::Tensor Plane::View(int64_t count) const {
  return memory_.view({-1, row_stride_ / channels_, channels_})
      .slice(0, 1, height_ + 1)
      .slice(1, 1, width_ + 1)
      .slice(2, 0, count)
      .permute({2, 0, 1})
      .unsqueeze(0);
}

WinogradPoints::WinogradPoints(int64_t height, int64_t width, int64_t channels)
    : height_(height),
      width_(width),
      channels_(channels),
      memory_(at::empty({BlocksOf(height, width), kWinogradPoints, kBlock, channels}, at::kFloat)) {
}

void WinogradPoints::Fill(const Plane& plane, int64_t offset) {
  const int64_t across = TilesAcross(width_);
  const int64_t tiles = TilesAcross(height_) * across;
  float* all = memory_.mutable_data_ptr<float>() + offset;
  ParallelFor(memory_.size(0), [&](int64_t begin, int64_t end, int64_t) {
    for (int64_t block = begin; block < end; ++block)
      TransformTiles(plane, 0, across, block * kBlock, std::min(kBlock, tiles - block * kBlock),
                     all + block * memory_.stride(0), channels_);
  });
}

WinogradConvolution::WinogradConvolution(const at::Tensor& weight, const at::Tensor& bias,
                                         const at::Tensor& slope,
                                         const std::vector<int64_t>& groups)
    : depth_(0), width_(WinogradChannels(weight.size(0))) {
  for (const int64_t group : groups) depth_ += WinogradChannels(group);
  bias_ = PerChannel(bias, weight.size(0));
  if (slope.defined()) slope_ = PerChannel(slope, weight.size(0));

  // G of F(4x4, 3x3); in double, since this rounding would be paid in every output.
  const at::Tensor g =
      at::tensor({1.0 / 4, 0.0, 0.0, -1.0 / 6, -1.0 / 6, -1.0 / 6, -1.0 / 6, 1.0 / 6, -1.0 / 6,
                  1.0 / 24, 1.0 / 12, 1.0 / 6, 1.0 / 24, -1.0 / 12, 1.0 / 6, 0.0, 0.0, 1.0},
                 at::kDouble)
          .view({6, 3});
  // G g Gᵀ of every kernel at once: a product of its nine weights with a 9 x 36 matrix.
  const at::Tensor points = at::matmul(weight.to(at::kDouble).reshape({-1, 9}), at::kron(g, g).t())
                                .view({weight.size(0), weight.size(1), kWinogradPoints});
  // [point][in][out] with the lanes filled up.
  at::Tensor padded = at::zeros({kWinogradPoints, depth_, width_}, at::kFloat);
  int64_t from = 0;
  int64_t to = 0;
  for (const int64_t group : groups) {
    const at::Tensor part = points.narrow(1, from, group);
    padded.narrow(1, to, group).narrow(2, 0, weight.size(0)).copy_(part.permute({2, 1, 0}));
    from += group;
    to += WinogradChannels(group);
  }
  std::vector<at::Tensor> panels;
  for (int64_t at = 0; at < width_; at += kWinogradPanel)
    panels.push_back(
        padded.narrow(2, at, std::min(kWinogradPanel, width_ - at)).reshape({kWinogradPoints, -1}));
  weights_ = at::cat(panels, 1).contiguous();
}

void WinogradConvolution::FinishTiles(const float* points, int64_t points_channels, int64_t first,
                                      int64_t count, const Plane& output,
                                      const WinogradResiduals& residuals, float* product) const {
  const WinogradKernels& kernels = BestWinogradKernels();
  const float* weights = weights_.const_data_ptr<float>();
  for (int64_t point = 0; point < kWinogradPoints; ++point)
    kernels.multiply(points + point * kBlock * points_channels, points_channels, count,
                     weights + point * depth_ * width_, depth_, width_,
                     product + point * kBlock * width_, width_);

  const int64_t across = TilesAcross(output.width());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t top = (first + i) / across * kWinogradTile;
    const int64_t left = (first + i) % across * kWinogradTile;
    const int64_t at = top * output.row_stride() + left * output.channels();
    WinogradEpilogue epilogue;
    epilogue.bias = bias_.const_data_ptr<float>();
    if (slope_.defined()) epilogue.slope = slope_.const_data_ptr<float>();
    if (residuals.inner != nullptr) epilogue.residual = residuals.inner->pixels() + at;
    if (residuals.outer != nullptr) epilogue.outer_residual = residuals.outer->pixels() + at;
    epilogue.scale = residuals.scale;
    epilogue.outer_scale = residuals.outer_scale;
    kernels.transform_output(product + i * width_, kBlock * width_, width_, epilogue,
                             output.pixels() + at, output.row_stride(), output.channels(),
                             std::min(kWinogradTile, output.height() - top),
                             std::min(kWinogradTile, output.width() - left));
  }
}

void WinogradConvolution::Run(const Plane& input, const Plane& output, bool doubled,
                              const WinogradResiduals& residuals) const {
  TORCH_CHECK(input.channels() == depth_ && output.channels() == width_,
              "a plane's channels do not fit the layer");
  const int64_t across = TilesAcross(output.width());
  const int64_t tiles = TilesAcross(output.height()) * across;
  const at::Tensor scratch =
      at::empty({ParallelThreads(), kWinogradPoints * kBlock * (depth_ + width_)}, at::kFloat);
  float* memory = scratch.mutable_data_ptr<float>();
  ParallelFor(BlocksOf(output.height(), output.width()),
              [&](int64_t begin, int64_t end, int64_t thread) {
                float* points = memory + thread * scratch.stride(0);
                float* product = points + kWinogradPoints * kBlock * depth_;
                for (int64_t block = begin; block < end; ++block) {
                  const int64_t first = block * kBlock;
                  const int64_t count = std::min(kBlock, tiles - first);
                  TransformTiles(input, doubled ? 1 : 0, across, first, count, points, depth_);
                  FinishTiles(points, depth_, first, count, output, residuals, product);
                }
              });
}

void WinogradConvolution::Run(const WinogradPoints& input, const Plane& output,
                              const WinogradResiduals& residuals) const {
  TORCH_CHECK(input.channels_ >= depth_ && output.channels() == width_ &&
                  input.height_ == output.height() && input.width_ == output.width(),
              "points or a plane do not fit the layer");
  const int64_t tiles = TilesAcross(output.height()) * TilesAcross(output.width());
  const at::Tensor scratch =
      at::empty({ParallelThreads(), kWinogradPoints * kBlock * width_}, at::kFloat);
  float* memory = scratch.mutable_data_ptr<float>();
  const float* all = input.memory_.const_data_ptr<float>();
  ParallelFor(input.memory_.size(0), [&](int64_t begin, int64_t end, int64_t thread) {
    for (int64_t block = begin; block < end; ++block)
      FinishTiles(all + block * input.memory_.stride(0), input.channels_, block * kBlock,
                  std::min(kBlock, tiles - block * kBlock), output, residuals,
                  memory + thread * scratch.stride(0));
  });
}

const WinogradKernels& BestWinogradKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return kWinogradAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kWinogradAvx2;
#endif
  return kWinogradGeneric;
}

}  // namespace darkroom
