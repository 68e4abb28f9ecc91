// SPDX-License-Identifier: Apache-2.0

#include "common/image/mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <string>

namespace darkroom {
namespace {

using ::testing::HasSubstr;

at::Tensor Picture(int64_t height, int64_t width, int64_t channels) {
  return at::full({height, width, channels}, 255, at::kByte);
}

std::string Refusal(const at::Tensor& picture, const at::Tensor& mask) {
  try {
    CheckLeavesSome(MaskOf(picture, mask, false));
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), DR_INVALID_ARGUMENT);
    return error.what();
  }
  ADD_FAILURE() << "it was taken";
  return {};
}

TEST(MaskOf, WhiteIsRepainted) {
  at::Tensor mask = at::zeros({3, 4, 1}, at::kByte);
  mask[1][2][0] = 128;
  mask[1][3][0] = 127;
  at::Tensor expected = at::zeros({3, 4}, at::kByte);
  expected[1][2] = 1;
  EXPECT_TRUE(at::equal(MaskOf(Picture(3, 4, 3), mask, false), expected));
  EXPECT_TRUE(at::equal(MaskOf(Picture(3, 4, 3), mask, true), 1 - expected));
}

TEST(MaskOf, SoIsWhatCanBeSeenThrough) {
  for (const int64_t channels : {2, 4}) {
    at::Tensor picture = Picture(3, 4, channels);
    picture[2][0][channels - 1] = 0;
    at::Tensor expected = at::zeros({3, 4}, at::kByte);
    expected[2][0] = 1;
    EXPECT_TRUE(at::equal(MaskOf(picture, {}, false), expected)) << channels;
  }
}

TEST(MaskOf, RefusesWhatIsNone) {
  EXPECT_THAT(Refusal(Picture(3, 4, 3), {}), HasSubstr("there is no mask"));
  EXPECT_THAT(Refusal(Picture(3, 4, 3), Picture(4, 3, 1)),
              HasSubstr("the mask is 3 x 4 pixels and the picture 4 x 3"));
  EXPECT_THAT(Refusal(Picture(3, 4, 3), Picture(3, 4, 1)), HasSubstr("covers the whole picture"));
}

TEST(Grown, IsASquareAroundEachPlace) {
  at::Tensor mask = at::zeros({7, 9}, at::kByte);
  mask[3][4] = 1;
  mask[0][8] = 1;
  const at::Tensor grown = Grown(mask, 2);
  at::Tensor expected = at::zeros({7, 9}, at::kByte);
  expected.slice(0, 1, 6).slice(1, 2, 7).fill_(1);
  expected.slice(0, 0, 3).slice(1, 6, 9).fill_(1);
  EXPECT_TRUE(at::equal(grown, expected));
  EXPECT_TRUE(at::equal(Grown(mask, 0), mask));
  EXPECT_TRUE(at::equal(Grown(mask, 256), at::ones({7, 9}, at::kByte)));
}

TEST(WeightsOf, RiseFromTheEdgeInwards) {
  at::Tensor mask = at::zeros({1, 9}, at::kByte);
  mask.slice(1, 1, 8).fill_(1);
  EXPECT_TRUE(at::equal(WeightsOf(mask, 0), mask.to(at::kFloat)));
  const at::Tensor expected =
      at::tensor({0.0F, 1 / 3.0F, 2 / 3.0F, 1.0F, 1.0F, 1.0F, 2 / 3.0F, 1 / 3.0F, 0.0F});
  EXPECT_TRUE(at::allclose(WeightsOf(mask, 2)[0], expected));
  // The picture's own edge is none of the mask's.
  const at::Tensor open = at::tensor({1, 1, 1, 0}, at::kByte).unsqueeze(0);
  EXPECT_TRUE(at::allclose(WeightsOf(open, 3)[0], at::tensor({0.75F, 0.5F, 0.25F, 0.0F})));
}

TEST(Composite, LeavesWhatTheMaskLeaves) {
  for (const int64_t channels : {1, 2, 3, 4}) {
    const at::Tensor picture = at::arange(12 * channels, at::kByte).reshape({3, 4, channels});
    at::Tensor mask = at::zeros({3, 4}, at::kByte);
    mask[1][2] = 1;
    const at::Tensor result = at::empty_like(picture);
    Composite(picture, at::full({3, 4, 3}, 200.4, at::kFloat), mask, 0, result);
    at::Tensor expected = picture.clone();
    expected[1][2].narrow(0, 0, channels < 3 ? 1 : 3).fill_(200);
    EXPECT_TRUE(at::equal(result, expected)) << channels;
  }
}

}  // namespace
}  // namespace darkroom
