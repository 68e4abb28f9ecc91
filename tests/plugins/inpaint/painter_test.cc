// SPDX-License-Identifier: Apache-2.0

#include "inpaint/painter.h"

#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/image/mask.h"

namespace darkroom::inpaint {
namespace {

// Fills with one colour, and keeps what it was given.
class Plain final : public Filler {
 public:
  struct Seen {
    std::vector<int64_t> shape;
    double mask_sum;
    bool padded_with_edges;
  };
  explicit Plain(double value, std::vector<Seen>* seen) : value_(value), seen_(seen) {}

  std::string Describe() const override { return "plain"; }
  at::Tensor Fill(const at::Tensor& picture, const at::Tensor& mask) const override {
    if (seen_ != nullptr)
      seen_->push_back({picture.sizes().vec(), mask.sum().item<double>(),
                        at::equal(picture.select(3, -1), picture.select(3, -2))});
    EXPECT_EQ(picture.size(2) % kMultiple, 0);
    EXPECT_EQ(picture.size(3) % kMultiple, 0);
    EXPECT_EQ(mask.size(2), picture.size(2));
    return at::full_like(picture, value_);
  }

 private:
  double value_;
  std::vector<Seen>* seen_;
};

Painter Plainly(double value, std::vector<Plain::Seen>* seen = nullptr) {
  return {std::make_unique<Plain>(value, seen), WindowSizes{256, 40}};
}

at::Tensor Noise(int64_t height, int64_t width, int64_t channels) {
  return at::randint(0, 256, {height, width, channels}, at::kByte);
}

at::Tensor Hole(int64_t height, int64_t width) {
  at::Tensor mask = at::zeros({height, width}, at::kByte);
  mask.slice(0, height / 3, height / 2).slice(1, width / 3, width / 2).fill_(1);
  return mask;
}

TEST(Painter, ChangesWhatTheMaskCoversAndNothingElse) {
  for (const int64_t channels : {1, 2, 3, 4}) {
    const at::Tensor picture = Noise(75, 101, channels);
    const at::Tensor before = picture.clone();
    const at::Tensor mask = Hole(75, 101);
    const at::Tensor result = at::empty_like(picture);
    Plainly(0.4).Paint(picture, mask, 0, result, [](size_t, size_t) {});
    EXPECT_TRUE(at::equal(picture, before)) << "the input is read-only";
    const at::Tensor hole = mask.unsqueeze(2).to(at::kBool);
    const int64_t colours = channels < 3 ? 1 : 3;
    const at::Tensor expected = at::where(hole, at::full_like(picture, 102), picture);
    EXPECT_TRUE(at::equal(result.narrow(2, 0, colours), expected.narrow(2, 0, colours)));
    // Alpha, where there is one.
    EXPECT_TRUE(at::equal(result.slice(2, colours), picture.slice(2, colours)));
  }
}

TEST(Painter, MixesWithinTheMaskAlone) {
  const at::Tensor picture = at::zeros({64, 64, 3}, at::kByte);
  const at::Tensor mask = Hole(64, 64);
  const at::Tensor result = at::empty_like(picture);
  Plainly(1).Paint(picture, mask, 4, result, [](size_t, size_t) {});
  const at::Tensor expected = (WeightsOf(mask, 4) * 255).round().to(at::kByte);
  for (int64_t c = 0; c < 3; ++c) EXPECT_TRUE(at::equal(result.select(2, c), expected));
}

TEST(Painter, AnEmptyMaskRunsNothing) {
  std::vector<Plain::Seen> seen;
  const at::Tensor picture = Noise(40, 50, 3);
  const at::Tensor result = at::empty_like(picture);
  Plainly(0.5, &seen).Paint(picture, at::zeros({40, 50}, at::kByte), 3, result, [](size_t, size_t) {
  });
  EXPECT_TRUE(at::equal(result, picture));
  EXPECT_TRUE(seen.empty());
}

TEST(Painter, SmallPicturesGetEdges) {
  std::vector<Plain::Seen> seen;
  const at::Tensor picture = Noise(5, 7, 3);
  at::Tensor mask = at::zeros({5, 7}, at::kByte);
  mask[2][3] = 1;
  const at::Tensor result = at::empty_like(picture);
  Plainly(0.5, &seen).Paint(picture, mask, 0, result, [](size_t, size_t) {});
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].shape, (std::vector<int64_t>{1, 3, 32, 32}));
  EXPECT_EQ(seen[0].mask_sum, 1);
  EXPECT_TRUE(seen[0].padded_with_edges);
}

TEST(Painter, WhatWasFilledIsNoHoleForTheNextWindow) {
  std::vector<Plain::Seen> seen;
  const at::Tensor picture = Noise(600, 600, 3);
  at::Tensor mask = at::zeros({600, 600}, at::kByte);
  mask.slice(0, 100, 148).slice(1, 100, 452).fill_(1);  // two windows' worth
  const at::Tensor result = at::empty_like(picture);
  std::vector<size_t> done;
  Plainly(0.5, &seen).Paint(picture, mask, 0, result, [&](size_t at, size_t of) {
    done.push_back(at);
    EXPECT_EQ(of, 3U);
  });
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(done, (std::vector<size_t>{0, 1, 2}));
  EXPECT_LT(seen[1].mask_sum, seen[0].mask_sum);
  EXPECT_THROW(Plainly(0.5).Paint(picture, mask, 0, result,
                                  [](size_t at, size_t) {
                                    if (at == 1) throw Error(DR_CANCELLED, "stop");
                                  }),
               Error);
}

}  // namespace
}  // namespace darkroom::inpaint
