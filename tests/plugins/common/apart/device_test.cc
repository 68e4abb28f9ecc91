// SPDX-License-Identifier: Apache-2.0

#include "tests/plugins/common/apart/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace darkroom::apart {
namespace {

using ::testing::HasSubstr;

std::string Why(const std::function<void()>& call) {
  try {
    call();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "nothing is wrong";
}

TEST(ApartDevice, ComputesWhatTheCpuDoes) {
  const at::Tensor a = at::randn({3, 4, 6, 6});
  const at::Tensor weight = at::randn({5, 4, 3, 3});
  const at::Tensor bias = at::randn({5});
  const auto network = [](const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
    const at::Tensor y = at::silu(at::group_norm(at::conv2d(x, w, b, 1, 1), 5));
    const at::Tensor rows = y.flatten(2).transpose(1, 2).contiguous().view({3, 6, 30});
    return at::cat({rows.softmax(-1), at::linear(rows, rows[0]).narrow(2, 0, 3)}, 2)
        .mul_(2)
        .slice(1, 1, 5)
        .permute({2, 0, 1})
        .clone();
  };
  const size_t before = Computed();
  const at::Tensor found = network(a.to(Device()), weight.to(Device()), bias.to(Device()));
  EXPECT_EQ(found.device(), Device());
  EXPECT_GT(Computed(), before + 5);
  EXPECT_TRUE(at::allclose(found.cpu(), network(a, weight, bias), 1e-5, 1e-5));
}

TEST(ApartDevice, ChangesViewsInPlace) {
  const at::Tensor all = at::zeros({4, 4}).to(Device());
  all.narrow(0, 1, 2).select(1, 3).fill_(7);
  all.t().narrow(0, 0, 1).add_(at::ones({1, 4}).to(Device()));
  EXPECT_EQ(all.cpu().sum().item<float>(), 18);
  EXPECT_EQ(all.cpu()[2][3].item<float>(), 7);
}

TEST(ApartDevice, RefusesTensorsOfTheHost) {
  const at::Tensor here = at::ones({2, 2});
  const at::Tensor there = here.to(Device());
  EXPECT_THAT(Why([&] { there.add(here); }), HasSubstr("same device"));
  EXPECT_THAT(Why([&] { there.index({at::tensor({1, 0})}); }), HasSubstr("nothing is wrong"));
  EXPECT_THAT(Why([&] { at::mm(here, there); }), HasSubstr("is the host's"));
  EXPECT_THAT(Why([&] { at::cat({there, here}); }), HasSubstr("aten::cat"));
  EXPECT_THAT(Why([&] { there.mul(at::scalar_tensor(2.0)); }), HasSubstr("nothing is wrong"));
  EXPECT_THAT(Why([&] { there.copy_(here); }), HasSubstr("nothing is wrong"));
}

TEST(ApartDeviceDeathTest, ItsMemoryIsNotTheHosts) {
  const at::Tensor there = at::ones({2, 2}).to(Device());
  // By the signal, or by a sanitizer that saw it.
  const auto is_killed = [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; };
  EXPECT_EXIT(
      {
        EXPECT_EQ(*there.const_data_ptr<float>(), 1);
        std::_Exit(0);
      },
      is_killed, "");
}

TEST(ApartDevice, CopiesThatNobodyWaitsForAreMadeLater) {
  const at::Tensor there = at::zeros({3}).to(Device());
  at::Tensor locked = at::empty({3}, at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
  ASSERT_TRUE(locked.is_pinned());
  locked.fill_(1);
  there.copy_(locked, /*non_blocking=*/true);
  EXPECT_EQ(Waiting(), 1U);
  locked.fill_(2);  // too soon
  c10::Event event(Device().type());
  event.record(c10::Stream(c10::Stream::DEFAULT, Device()));
  event.synchronize();
  EXPECT_EQ(Waiting(), 0U);
  EXPECT_EQ(there.cpu().sum().item<float>(), 6);
  there.copy_(at::ones({3}), /*non_blocking=*/true);  // of memory that is not locked: at once
  EXPECT_EQ(Waiting(), 0U);
}

}  // namespace
}  // namespace darkroom::apart
