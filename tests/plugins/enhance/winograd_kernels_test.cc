// SPDX-License-Identifier: Apache-2.0
//
// Each instruction set's loops against a convolution by its definition. A processor that lacks a
// set skips its case.

#include "enhance/winograd_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace darkroom {
namespace {

// Seventeen tiles side by side: whole blocks of every set's rows, and a rest.
constexpr int64_t kTiles = 17;
constexpr int64_t kColumns = kTiles * kWinogradTile + 2;
constexpr int64_t kDepth = 32;
constexpr int64_t kWidth = 48;  // a whole panel and a half one

class WinogradKernelsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "generic") kernels_ = &kWinogradGeneric;
#if defined(__x86_64__)
    if (GetParam() == "avx2" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      kernels_ = &kWinogradAvx2;
    if (GetParam() == "avx512" && __builtin_cpu_supports("avx512f")) kernels_ = &kWinogradAvx512;
#endif
    if (kernels_ == nullptr) GTEST_SKIP() << "this processor has no " << GetParam();
    EXPECT_EQ(kernels_->name, GetParam());
    std::mt19937 random(7);
    std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
    const auto fill = [&](std::vector<float>& values, int64_t count) {
      values.resize(static_cast<size_t>(count));
      for (float& value : values) value = uniform(random);
    };
    fill(input_, kWinogradPatch * kColumns * kDepth);
    fill(weight_, kWidth * kDepth * 9);
    fill(bias_, kWidth);
    fill(slope_, kWidth);
    fill(residual_, kWinogradTile * kTiles * kWinogradTile * kWidth);
  }

  float Input(int64_t row, int64_t column, int64_t k) const {
    return input_[static_cast<size_t>((row * kColumns + column) * kDepth + k)];
  }
  float Weight(int64_t out, int64_t in, int64_t row, int64_t column) const {
    return weight_[static_cast<size_t>(((out * kDepth + in) * 3 + row) * 3 + column)];
  }

  // G g Gᵀ in panels, from the definition of G.
  std::vector<float> PackedWeights() const {
    constexpr double g[6][3] = {{1.0 / 4, 0, 0},
                                {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                {0, 0, 1}};
    std::vector<float> packed;
    for (int64_t point = 0; point < kWinogradPoints; ++point)
      for (int64_t at = 0; at < kWidth; at += kWinogradPanel)
        for (int64_t k = 0; k < kDepth; ++k)
          for (int64_t j = at; j < std::min(at + kWinogradPanel, kWidth); ++j) {
            double sum = 0;
            for (int64_t r = 0; r < 3; ++r)
              for (int64_t c = 0; c < 3; ++c)
                sum += g[point / 6][r] * g[point % 6][c] * static_cast<double>(Weight(j, k, r, c));
            packed.push_back(static_cast<float>(sum));
          }
    return packed;
  }

  // The whole row of tiles through the kernels.
  std::vector<float> Run(const WinogradEpilogue& epilogue, int64_t valid_rows,
                         int64_t valid_columns) const {
    std::vector<float> points(static_cast<size_t>(kWinogradPoints * kTiles * kDepth));
    for (int64_t i = 0; i < kTiles; ++i) {
      int64_t rows[kWinogradPatch];
      int64_t columns[kWinogradPatch];
      for (int64_t j = 0; j < kWinogradPatch; ++j) {
        rows[j] = j * kColumns * kDepth;
        columns[j] = (i * kWinogradTile + j) * kDepth;
      }
      kernels_->transform_input(input_.data(), rows, columns, kDepth, points.data() + i * kDepth,
                                kTiles * kDepth);
    }
    const std::vector<float> weights = PackedWeights();
    std::vector<float> product(static_cast<size_t>(kWinogradPoints * kTiles * kWidth));
    for (int64_t point = 0; point < kWinogradPoints; ++point)
      kernels_->multiply(points.data() + point * kTiles * kDepth, kDepth, kTiles,
                         weights.data() + point * kDepth * kWidth, kDepth, kWidth,
                         product.data() + point * kTiles * kWidth, kWidth);
    std::vector<float> output(residual_.size(), kUntouched);
    for (int64_t i = 0; i < kTiles; ++i) {
      WinogradEpilogue shifted = epilogue;
      const int64_t at = i * kWinogradTile * kWidth;
      if (shifted.residual != nullptr) shifted.residual += at;
      if (shifted.outer_residual != nullptr) shifted.outer_residual += at;
      kernels_->transform_output(product.data() + i * kWidth, kTiles * kWidth, kWidth, shifted,
                                 output.data() + at, kTiles * kWinogradTile * kWidth, kWidth,
                                 valid_rows, valid_columns);
    }
    return output;
  }

  double Convolved(int64_t row, int64_t column, int64_t channel) const {
    double sum = static_cast<double>(bias_[static_cast<size_t>(channel)]);
    for (int64_t k = 0; k < kDepth; ++k)
      for (int64_t r = 0; r < 3; ++r)
        for (int64_t c = 0; c < 3; ++c)
          sum += static_cast<double>(Input(row + r, column + c, k)) *
                 static_cast<double>(Weight(channel, k, r, c));
    return sum;
  }

  static size_t At(int64_t row, int64_t column, int64_t channel) {
    return static_cast<size_t>((row * kTiles * kWinogradTile + column) * kWidth + channel);
  }

  static constexpr float kUntouched = 1234.5F;
  const WinogradKernels* kernels_ = nullptr;
  std::vector<float> input_, weight_, bias_, slope_, residual_;
};

TEST_P(WinogradKernelsTest, ConvolvesAsDefined) {
  WinogradEpilogue epilogue;
  epilogue.bias = bias_.data();
  const std::vector<float> output = Run(epilogue, kWinogradTile, kWinogradTile);
  for (int64_t row = 0; row < kWinogradTile; ++row)
    for (int64_t column = 0; column < kTiles * kWinogradTile; ++column)
      for (int64_t channel = 0; channel < kWidth; ++channel)
        ASSERT_NEAR(static_cast<double>(output[At(row, column, channel)]),
                    Convolved(row, column, channel), 2e-4)
            << row << ' ' << column << ' ' << channel;
}

TEST_P(WinogradKernelsTest, AppliesTheEpilogueToValidOutputsOnly) {
  WinogradEpilogue epilogue;
  epilogue.bias = bias_.data();
  epilogue.slope = slope_.data();
  epilogue.residual = residual_.data();
  epilogue.outer_residual = residual_.data();
  epilogue.scale = 0.5F;
  epilogue.outer_scale = 0.25F;
  const std::vector<float> output = Run(epilogue, 3, 2);
  for (int64_t row = 0; row < kWinogradTile; ++row)
    for (int64_t column = 0; column < kTiles * kWinogradTile; ++column)
      for (int64_t channel = 0; channel < kWidth; ++channel) {
        const auto got = static_cast<double>(output[At(row, column, channel)]);
        if (row >= 3 || column % kWinogradTile >= 2) {
          ASSERT_EQ(got, static_cast<double>(kUntouched));
          continue;
        }
        const double sum = Convolved(row, column, channel);
        const auto slope = static_cast<double>(slope_[static_cast<size_t>(channel)]);
        const auto residual = static_cast<double>(residual_[At(row, column, channel)]);
        const double wanted = ((sum > 0 ? sum : sum * slope) * 0.5 + residual) * 0.25 + residual;
        ASSERT_NEAR(got, wanted, 2e-4) << row << ' ' << column << ' ' << channel;
      }
}

INSTANTIATE_TEST_SUITE_P(Sets, WinogradKernelsTest, testing::Values("generic", "avx2", "avx512"),
                         [](const auto& set) { return set.param; });

}  // namespace
}  // namespace darkroom
