// SPDX-License-Identifier: Apache-2.0

#include "sdxl/tiles.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace darkroom::sdxl {
namespace {

at::Tensor Twice(const at::Tensor& part) {
  return at::upsample_nearest2d(part.contiguous(), {2 * part.size(2), 2 * part.size(3)});
}

TEST(InTilesTest, WhatDoesNotDependOnItsNeighboursIsAsInOne) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{1, 2, 8, 8}, {2, 1, 9, 20}, {1, 3, 25, 7}}) {
    const at::Tensor input = at::randn(shape);
    const at::Tensor tiled = InTiles(input, {8, 16}, Twice);
    EXPECT_TRUE(at::allclose(tiled, Twice(input), 1e-6, 1e-6)) << shape[2];
  }
}

TEST(InTilesTest, NoTileIsLarger) {
  int64_t tiles = 0;
  InTiles(at::zeros({1, 1, 20, 33}), {8, 8}, [&](const at::Tensor& part) {
    EXPECT_LE(part.size(2), 8);
    EXPECT_LE(part.size(3), 8);
    ++tiles;
    return part.clone();
  });
  EXPECT_EQ(tiles, 4 * 6);  // every 6 pixels one begins
}

TEST(InTilesTest, GoesOverFromTileToTile) {
  // Each tile is of one value: 1, 2, ...
  double value = 0;
  const at::Tensor tiled = InTiles(at::zeros({1, 1, 8, 14}), {8, 8}, [&](const at::Tensor& part) {
    return at::full_like(part, ++value);
  });
  const at::Tensor row = tiled[0][0][0];
  EXPECT_EQ(row[5].item<double>(), 1);
  EXPECT_EQ(row[6].item<double>(), 1);
  EXPECT_EQ(row[7].item<double>(), 1.5);
  EXPECT_EQ(row[8].item<double>(), 2);
}

TEST(InTilesTest, StopsWhenTheNetworkThrows) {
  EXPECT_THROW(InTiles(at::zeros({1, 1, 9, 9}), {8, 8},
                       [](const at::Tensor&) -> at::Tensor { throw std::runtime_error("stop"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace darkroom::sdxl
