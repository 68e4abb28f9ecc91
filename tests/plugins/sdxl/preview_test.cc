// SPDX-License-Identifier: Apache-2.0

#include "sdxl/preview.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <darkroom/plugin.hpp>
#include <vector>

namespace darkroom::sdxl {
namespace {

// An autoencoder that a linear map is equal to: latents are mixed means of 4 x 4 pixels.
struct Linear {
  at::Tensor mix =
      at::tensor({0.5, -0.2, 0.1, 0.3, 0.9, -0.4, -0.1, 0.2, 0.7, 0.4, -0.6, 0.2}, at::kFloat)
          .view({4, 3});
  at::Tensor back = at::linalg_pinv(mix);
  float shift = 0.25;

  Coder coder() const {
    Coder coder;
    coder.factor = 4;
    coder.places = 16;
    coder.encode = [this](const at::Tensor& pixels) {
      const at::Tensor small = at::avg_pool2d(pixels, {4, 4});
      return at::einsum("dc,nchw->ndhw", {mix, small}) + shift;
    };
    coder.decode = [this](const at::Tensor& latents) {
      const at::Tensor small = at::einsum("cd,ndhw->nchw", {back, latents - shift});
      return at::upsample_nearest2d(small, {latents.size(2) * 4, latents.size(3) * 4});
    };
    return coder;
  }
};

TEST(PreviewTest, OfALinearAutoencoderIsExact) {
  const Linear linear;
  const Coder coder = linear.coder();
  const PreviewMap map = PreviewMap::Fit(coder);
  ASSERT_EQ(map.matrix().sizes(), (at::IntArrayRef{5, 3}));
  const at::Tensor picture = at::linspace(-1, 1, 3 * 32 * 48).view({1, 3, 32, 48});
  const at::Tensor seen = map(coder.encode(picture));
  EXPECT_EQ(seen.sizes(), (at::IntArrayRef{8, 12, 3}));
  EXPECT_EQ(seen.scalar_type(), at::kByte);
  const at::Tensor expected =
      at::avg_pool2d(picture, {4, 4}).squeeze(0).permute({1, 2, 0}).add(1).mul(127.5);
  EXPECT_LE((seen.to(at::kFloat) - expected).abs().max().item<float>(), 0.51);
}

TEST(PreviewTest, IsTheSameEachTime) {
  const Linear linear;
  EXPECT_TRUE(at::equal(PreviewMap::Fit(linear.coder()).matrix(),
                        PreviewMap::Fit(linear.coder()).matrix()));
}

TEST(PreviewTest, OfAnAutoencoderThatTellsNothingIsItsMean) {
  Coder coder = Linear().coder();
  coder.encode = [](const at::Tensor& pixels) {
    return at::zeros({1, 4, pixels.size(2) / 4, pixels.size(3) / 4});
  };
  coder.decode = [](const at::Tensor& latents) {
    return at::full({1, 3, latents.size(2) * 4, latents.size(3) * 4}, 0.2);
  };
  const at::Tensor seen = PreviewMap::Fit(coder)(at::randn({1, 4, 5, 5}));
  EXPECT_TRUE(seen.eq(153).all().item<bool>()) << seen;
}

TEST(PreviewTest, OfAnAutoencoderThatIsNotFiniteThereIsNone) {
  const auto not_finite = [](const at::Tensor& like) { return at::full_like(like, NAN); };
  for (const bool encoder : {true, false}) {
    const Linear linear;
    Coder coder = linear.coder();
    auto& half = encoder ? coder.encode : coder.decode;
    half = [half, not_finite](const at::Tensor& from) { return not_finite(half(from)); };
    try {
      PreviewMap::Fit(coder);
      ADD_FAILURE() << "there is a map";
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
      EXPECT_STREQ(error.what(), "what the autoencoder makes of small pictures is not finite");
    }
  }
}

TEST(PreviewTest, LargeLatentsAreShrunk) {
  const Linear linear;
  const PreviewMap map = PreviewMap::Fit(linear.coder());
  const auto size_of = [&](int64_t height, int64_t width) {
    return map(at::zeros({1, 4, height, width})).sizes().vec();
  };
  EXPECT_EQ(size_of(128, 128), (std::vector<int64_t>{128, 128, 3}));
  EXPECT_EQ(size_of(512, 256), (std::vector<int64_t>{128, 64, 3}));
  EXPECT_EQ(size_of(100, 400), (std::vector<int64_t>{32, 128, 3}));
  EXPECT_EQ(size_of(1, 512), (std::vector<int64_t>{1, 128, 3}));
}

TEST(PreviewTest, WhatIsNotFiniteIsShownAsSomething) {
  const PreviewMap map = PreviewMap::Fit(Linear().coder());
  const at::Tensor seen = map(at::full({1, 4, 2, 2}, NAN));
  EXPECT_TRUE(seen.eq(0).all().item<bool>());
}

}  // namespace
}  // namespace darkroom::sdxl
