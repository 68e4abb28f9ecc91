// SPDX-License-Identifier: Apache-2.0

#include "host/shared_work.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace darkroom::host {
namespace {

TEST(SharedWork, EachPieceIsDoneOnceWhoeverHelps) {
  constexpr size_t kPieces = 5000;
  std::vector<std::atomic<int>> done(kPieces);
  const auto work = std::make_shared<SharedWork>(kPieces, [&](size_t i) { ++done[i]; });
  std::vector<std::thread> helpers;
  for (int i = 0; i < 4; ++i) helpers.emplace_back([work] { work->Help(); });
  work->Finish();
  EXPECT_TRUE(work->done());
  for (const std::atomic<int>& one : done) EXPECT_EQ(one, 1);
  for (std::thread& helper : helpers) helper.join();
}

TEST(SharedWork, FinishWaitsForWhatOthersHaveBegun) {
  std::atomic<bool> begun{false};
  std::atomic<bool> go_on{false};
  const auto work = std::make_shared<SharedWork>(1, [&](size_t) {
    begun = true;
    while (!go_on) std::this_thread::yield();
  });
  std::thread helper([work] { work->Help(); });
  while (!begun) std::this_thread::yield();
  EXPECT_FALSE(work->done());
  std::thread owner([&] {
    work->Finish();
    EXPECT_TRUE(go_on);
  });
  go_on = true;
  owner.join();
  helper.join();
  EXPECT_TRUE(work->done());
}

TEST(SharedWork, WhoComesTooLateFindsNothing) {
  int done = 0;
  const auto work = std::make_shared<SharedWork>(1, [&](size_t) { ++done; });
  work->Finish();
  work->Help();
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace darkroom::host
