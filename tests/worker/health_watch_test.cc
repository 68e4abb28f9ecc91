// SPDX-License-Identifier: Apache-2.0
//
// With a shell script for the program that probes. What becomes of lanes and workers is tested in
// lane_test.cc and end to end.

#include "worker/health_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/worker/log_lines.h"
#include "tests/worker/run_until.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace fs = std::filesystem;

const Device kCpu = {"cpu", DeviceKind::kCpu, 0, 1};
const Device kSimOne = {"sim:0", DeviceKind::kCpu, 0, 1, 100, true};
const Device kSimTwo = {"sim:1", DeviceKind::kCpu, 1, 1, 100, true};

class HealthWatchTest : public testing::Test {
 protected:
  HealthWatchTest() {
    std::string pattern = (fs::temp_directory_path() / "darkroom-watch-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    const fs::path program = folder_ / "probe";
    // The last argument is the simulated device's file, or "cpu".
    std::ofstream(program) << "#!/bin/sh\nfor file; do :; done\n"
                              "test ! -e \"$file\" || { echo \"$file is there\"; exit 1; }\n";
    fs::permissions(program, fs::perms::owner_all);
    fs::create_directory(folder_ / "sim");
    config_.probe_interval = milliseconds(0);
  }
  ~HealthWatchTest() override { fs::remove_all(folder_); }

  void Watch(std::vector<Device> devices) {
    pool_.emplace(io_, std::move(devices), seconds(10));
    watch_.emplace(HealthWatch::Parts{io_, config_, *pool_, lanes_, (folder_ / "probe").string(),
                                      folder_, log_.logger(), [this] { ++changes_; }});
    watch_->Start();
  }
  void UntilReady() {
    EXPECT_FALSE(watch_->ready());
    EXPECT_TRUE(RunUntil(io_, [&] { return watch_->ready(); }));
  }
  void Break(int number) { std::ofstream(folder_ / "sim" / std::to_string(number)); }
  void Mend(int number) { fs::remove(folder_ / "sim" / std::to_string(number)); }
  Health& HealthOf(size_t at) { return pool_->HealthOf(pool_->devices()[at]); }
  bool IsOpen(size_t at) { return pool_->LedgerOf(pool_->devices()[at]).open(); }
  void Lose(size_t at) {
    pool_->ReportLoss(pool_->devices()[at], {Code::kDeviceLost, "it fell off"}, false);
  }
  bool RunUntilState(size_t at, HealthState state) {
    return RunUntil(io_, [&] { return HealthOf(at).state() == state; });
  }

  boost::asio::io_context io_;
  LogLines log_;
  HealthConfig config_;
  fs::path folder_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::optional<DevicePool> pool_;
  std::optional<HealthWatch> watch_;
  int changes_ = 0;
};

TEST_F(HealthWatchTest, IsReadyWhenEveryDeviceHasAnswered) {
  Watch({kSimOne, kCpu});
  UntilReady();
  EXPECT_EQ(changes_, 2);
  EXPECT_TRUE(watch_->all_healthy());
  EXPECT_EQ(watch_->Summary(), "");
}

TEST_F(HealthWatchTest, ALossClosesTheDeviceUntilItAnswers) {
  Watch({kSimOne, kSimTwo});
  UntilReady();
  Lose(0);
  EXPECT_FALSE(IsOpen(0));
  EXPECT_TRUE(IsOpen(1));
  EXPECT_EQ(watch_->Summary(), "sim:0 is suspected: it fell off");
  EXPECT_FALSE(watch_->all_healthy());
  EXPECT_TRUE(RunUntilState(0, HealthState::kHealthy));
  EXPECT_TRUE(IsOpen(0));
}

TEST_F(HealthWatchTest, WhatDoesNotAnswerIsQuarantinedAndComesBackByItself) {
  Watch({kSimOne, kSimTwo});
  UntilReady();
  Break(0);
  Lose(0);
  EXPECT_TRUE(RunUntilState(0, HealthState::kQuarantined));
  EXPECT_FALSE(IsOpen(0));
  EXPECT_TRUE(watch_->ready()) << "there is another";
  EXPECT_TRUE(watch_->hopeful(Health::Time::clock::now() + minutes(60)));
  EXPECT_EQ(watch_->Summary(),
            "sim:0 is quarantined: " + (folder_ / "sim" / "0").string() + " is there");
  Mend(0);
  EXPECT_TRUE(RunUntilState(0, HealthState::kHealthy));
  EXPECT_TRUE(IsOpen(0));
}

TEST_F(HealthWatchTest, TheCpuDoesNotStandInForAGpu) {
  Break(0);
  Watch({kSimOne, kCpu});
  EXPECT_TRUE(RunUntil(io_, [&] { return HealthOf(0).settled() && HealthOf(1).settled(); }));
  EXPECT_FALSE(watch_->ready());
  const auto lost = HealthOf(0).since();
  EXPECT_TRUE(watch_->hopeful(lost + config_.give_up - milliseconds(1)));
  EXPECT_FALSE(watch_->hopeful(lost + config_.give_up));
  config_.give_up = milliseconds(0);
  EXPECT_TRUE(watch_->hopeful(lost + minutes(600)));
}

TEST_F(HealthWatchTest, IsProbedNowAndAgain) {
  config_.probe_interval = milliseconds(10);
  Watch({kSimOne, kCpu});
  UntilReady();
  Break(0);
  EXPECT_TRUE(RunUntilState(0, HealthState::kQuarantined));
  EXPECT_EQ(HealthOf(0).losses(), 0U);
}

}  // namespace
}  // namespace darkroom
