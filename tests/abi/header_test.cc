// SPDX-License-Identifier: Apache-2.0

#include <darkroom/plugin.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <vector>

extern "C" {
const size_t* sizes_c99(void);
const size_t* sizes_c11(void);
const size_t* sizes_cxx17(void);
const size_t* sizes_cxx20(void);
int has_finish_c99(const dr_host_t* host);
int has_finish_cxx20(const dr_host_t* host);
}

namespace {

std::vector<size_t> List(const size_t* sizes) { return {sizes, sizes + 11}; }

TEST(HeaderTest, IsTheSameInEveryStandard) {
  const std::vector<size_t> c99 = List(sizes_c99());
  EXPECT_EQ(List(sizes_c11()), c99);
  EXPECT_EQ(List(sizes_cxx17()), c99);
  EXPECT_EQ(List(sizes_cxx20()), c99);
}

TEST(HeaderTest, HasLooksAtTheSizeAndAtTheField) {
  dr_host_t host{};
  host.finish = [](const dr_host_t*, const dr_job_t*, dr_status) {};
  host.size = sizeof(host);
  EXPECT_TRUE(has_finish_c99(&host));
  EXPECT_TRUE(has_finish_cxx20(&host));
  host.size = offsetof(dr_host_t, finish);  // an older host, whose struct ends before the field
  EXPECT_FALSE(has_finish_c99(&host));
  EXPECT_FALSE(has_finish_cxx20(&host));
  host.size = sizeof(host);
  host.finish = nullptr;  // a slot that a newer minor has emptied
  EXPECT_FALSE(has_finish_c99(&host));
  EXPECT_FALSE(has_finish_cxx20(&host));
}

}  // namespace
