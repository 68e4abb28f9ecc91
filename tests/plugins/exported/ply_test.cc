// SPDX-License-Identifier: Apache-2.0

#include "exported/ply.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <darkroom/plugin.hpp>
#include <string>

namespace darkroom::exported {
namespace {

PlyOutput::Part Named(std::vector<std::string> properties,
                      PlyOutput::Apply apply = PlyOutput::Apply::kNone) {
  return {int64_t{0}, std::move(properties), apply};
}

TEST(WritePly, WritesAPointAfterTheOther) {
  const PlyOutput::Part place = Named({"x", "y"});
  const PlyOutput::Part size = Named({"scale"}, PlyOutput::Apply::kLog);
  const at::Tensor file = WritePly({{place, at::tensor({1.0F, 2.0F, 3.0F, 4.0F}).reshape({2, 2})},
                                    {size, at::tensor({1.0, std::exp(2.0)}, at::kDouble)}});
  const std::string bytes(static_cast<const char*>(file.const_data_ptr()), file.nbytes());
  const std::string header =
      "ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\n"
      "property float y\nproperty float scale\nend_header\n";
  ASSERT_EQ(bytes.substr(0, header.size()), header);
  float points[6];
  ASSERT_EQ(bytes.size(), header.size() + sizeof(points));
  std::memcpy(points, bytes.data() + header.size(), sizeof(points));
  const float expected[6] = {1, 2, 0, 3, 4, 2};
  for (int i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(points[i], expected[i]) << i;
}

TEST(WritePly, NoPointsAreAFileToo) {
  const PlyOutput::Part place = Named({"x"});
  const at::Tensor file = WritePly({{place, at::empty({0, 1})}});
  const std::string bytes(static_cast<const char*>(file.const_data_ptr()), file.nbytes());
  EXPECT_NE(bytes.find("element vertex 0\n"), std::string::npos);
  EXPECT_TRUE(bytes.ends_with("end_header\n"));
}

TEST(WritePly, WhatDoesNotFitIsRefused) {
  const PlyOutput::Part two = Named({"x", "y"});
  const PlyOutput::Part one = Named({"z"});
  EXPECT_THROW(WritePly({{two, at::zeros({4, 3})}}), Error);
  EXPECT_THROW(WritePly({{two, at::zeros({4})}}), Error);
  EXPECT_THROW(WritePly({{two, at::zeros({4, 2})}, {one, at::zeros({5})}}), Error);
}

}  // namespace
}  // namespace darkroom::exported
