// SPDX-License-Identifier: Apache-2.0
//
// On the device of apart/, which fetches what is in page-locked memory as late as it may.

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "common/nn/uploader.h"
#include "tests/plugins/common/apart/device.h"

namespace darkroom::nn {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

at::Tensor Numbers(int64_t bytes, at::ScalarType dtype = at::kFloat) {
  return at::randn({bytes / static_cast<int64_t>(at::elementSize(dtype))}).to(dtype);
}

TEST(Uploader, WhatArrivesIsWhatWasSent) {
  Uploader upload(apart::Device(), 3 * kMiB);
  // Less than a piece, just one, many, and all that with a rest.
  for (const int64_t bytes : {int64_t{12}, 2 * kMiB, 3 * kMiB - 4, 3 * kMiB, 3 * kMiB + 4, 9 * kMiB,
                              12 * kMiB, 31 * kMiB + 20}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      const at::Tensor sent = Numbers(bytes, dtype);
      const at::Tensor there = upload(sent);
      EXPECT_EQ(there.device(), apart::Device());
      EXPECT_EQ(there.scalar_type(), dtype);
      EXPECT_TRUE(at::equal(there.cpu(), sent)) << bytes;
    }
  }
}

TEST(Uploader, ManyAreOnTheirWayAndTheirMemoryMayGo) {
  Uploader upload(apart::Device(), 2 * kMiB);
  std::vector<at::Tensor> kept;
  std::vector<at::Tensor> there;
  for (int i = 0; i < 12; ++i) {
    at::Tensor sent = Numbers((2 + i % 3) * kMiB);
    kept.push_back(sent.clone());
    there.push_back(upload(sent));
    EXPECT_GT(apart::Waiting(), 0U) << "they are waited for, one after the other";
    sent.fill_(7);
  }
  for (size_t i = 0; i < there.size(); ++i) EXPECT_TRUE(at::equal(there[i].cpu(), kept[i])) << i;
}

TEST(Uploader, GivesItsMemoryBackWhenItHasBeenFetched) {
  Uploader upload(apart::Device(), 2 * kMiB);
  const at::Tensor sent = Numbers(5 * kMiB);
  const at::Tensor there = upload(sent);
  upload.Finish();
  EXPECT_EQ(apart::Waiting(), 0U);
  EXPECT_TRUE(at::equal(there.cpu(), sent));
  const at::Tensor later = upload(sent);
  EXPECT_EQ(apart::Waiting(), 0U);
  EXPECT_TRUE(at::equal(later.cpu(), sent));
}

TEST(Uploader, AHostWithoutSuchMemoryIsNoError) {
  const at::Tensor sent = Numbers(9 * kMiB);
  for (const size_t pieces : {size_t{0}, size_t{2}}) {
    apart::AllowLocked(pieces);
    EXPECT_TRUE(at::equal(Uploader(apart::Device(), 2 * kMiB)(sent).cpu(), sent)) << pieces;
  }
  apart::AllowLocked(SIZE_MAX);
}

TEST(Uploader, KeepsShapes) {
  Uploader upload(apart::Device(), 2 * kMiB);
  const at::Tensor sent = at::randn({3, 512, 513});
  EXPECT_TRUE(at::equal(upload(sent).cpu(), sent));
  const at::Tensor turned = sent.transpose(1, 2);
  EXPECT_TRUE(at::equal(upload(turned).cpu(), turned));
}

}  // namespace
}  // namespace darkroom::nn
