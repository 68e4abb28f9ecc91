// SPDX-License-Identifier: Apache-2.0

#include "worker/hosting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/worker/fake_host.h"
#include "tests/worker/log_lines.h"
#include "tests/worker/run_until.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Status kCrash(Code::kInstanceLost, "its worker was killed by SIGSEGV");

// Writes down what it hears, with its name.
class User final : public HostingUser {
 public:
  User(std::string name, std::vector<std::string>* heard) : name_(std::move(name)), heard_(heard) {}
  void OnHosted() override { heard_->push_back(name_ + " hosted"); }
  void OnNotHosted(const Status& why) override {
    heard_->push_back(name_ + (why.ok() ? " is to go" : ": " + why.message()));
  }
  bool IsIdle() const override { return idle; }

  bool idle = false;

 private:
  std::string name_;
  std::vector<std::string>* heard_;
};

class HostingTest : public testing::Test {
 protected:
  explicit HostingTest(bool open = true) {
    if (open) hosting_->Open();
  }

  // As a daemon sees it: lost, and what follows at once done.
  void LoseAndSettle() {
    host_.Lose(kCrash);
    Settle(io_);
  }
  void LoseSoOften(int times) {
    for (int i = 0; i < times; ++i) {
      LoseAndSettle();
      if (i + 1 < times) host_.Succeed();
    }
  }
  void Close() {
    hosting_->Close([this](CloseOutcome outcome) {
      ++closed_;
      outcome_ = outcome;
    });
  }

  boost::asio::io_context io_;
  LogLines log_;
  FakeHost host_;
  std::vector<std::string> heard_;
  std::vector<HostingState> states_;
  std::optional<Hosting> hosting_{std::in_place,
                                  io_,
                                  host_,
                                  PluginToOpen{"/plugins/p.so", "{}"},
                                  "p 1.0.0",
                                  log_.logger(),
                                  [this] { states_.push_back(hosting_->state()); }};
  int closed_ = 0;
  CloseOutcome outcome_;
};

TEST_F(HostingTest, OpensThePlugin) {
  User user("user", &heard_);
  hosting_->Join(&user);
  ASSERT_EQ(host_.openings.size(), 1U);
  EXPECT_EQ(host_.openings[0].plugin.path, "/plugins/p.so");
  EXPECT_EQ(host_.openings[0].plugin.manifest, "{}");
  EXPECT_EQ(hosting_->state(), HostingState::kOpening);
  EXPECT_EQ(hosting_->plugin(), nullptr);
  EXPECT_EQ(hosting_->pid(), 0);
  host_.Succeed();
  EXPECT_EQ(hosting_->state(), HostingState::kOpen);
  EXPECT_NE(hosting_->plugin(), nullptr);
  EXPECT_EQ(hosting_->pid(), 4711);
  EXPECT_THAT(heard_, ElementsAre("user hosted"));
  EXPECT_THAT(states_, ElementsAre(HostingState::kOpening, HostingState::kOpen));
  hosting_->FallAsleepIfIdle();
  Settle(io_);
  EXPECT_EQ(hosting_->state(), HostingState::kOpen) << "it stays open";
  hosting_->Leave(&user);
}

TEST_F(HostingTest, WhoComesLaterIsToldAtOnce) {
  host_.Succeed();
  User user("user", &heard_);
  hosting_->Join(&user);
  EXPECT_THAT(heard_, ElementsAre("user hosted"));
  hosting_->Leave(&user);
}

TEST_F(HostingTest, APluginThatNeverOpenedIsNotTriedAgain) {
  User user("user", &heard_);
  hosting_->Join(&user);
  host_.Fail(Status::FailedPrecondition("no entry"));
  Settle(io_);
  EXPECT_EQ(hosting_->state(), HostingState::kFailed);
  EXPECT_EQ(hosting_->error().message(), "no entry");
  EXPECT_EQ(hosting_->crashes(), 0U);
  EXPECT_THAT(heard_, ElementsAre("user: no entry"));
  EXPECT_EQ(host_.openings.size(), 1U);
  hosting_->Leave(&user);
}

TEST_F(HostingTest, WhatIsLostIsOpenedAgainAtOnce) {
  User user("user", &heard_);
  hosting_->Join(&user);
  host_.Succeed();
  host_.Lose(kCrash);
  EXPECT_EQ(hosting_->plugin(), nullptr);
  EXPECT_TRUE(host_.openings[0].made->destroyed);
  EXPECT_EQ(hosting_->state(), HostingState::kOpening);
  Settle(io_);
  ASSERT_EQ(host_.openings.size(), 2U);
  EXPECT_EQ(hosting_->error().code(), Code::kInstanceLost);
  EXPECT_EQ(hosting_->crashes(), 1U);
  host_.Succeed();
  EXPECT_EQ(hosting_->state(), HostingState::kOpen);
  EXPECT_THAT(heard_,
              ElementsAre("user hosted", "user: its worker was killed by SIGSEGV", "user hosted"));
  EXPECT_THAT(log_.lines(), ElementsAre("error: p 1.0.0: instance_lost: its worker was killed by "
                                        "SIGSEGV; started again at once"));
  hosting_->Leave(&user);
}

TEST_F(HostingTest, FailingToOpenAgainIsALoss) {
  host_.Succeed();
  LoseAndSettle();
  host_.Fail(Status::ResourceExhausted("no processes"));
  Settle(io_);
  EXPECT_EQ(hosting_->crashes(), 2U);
  EXPECT_EQ(host_.openings.size(), 3U);
  EXPECT_EQ(hosting_->state(), HostingState::kOpening);
  EXPECT_EQ(hosting_->error().message(), "no processes");
}

TEST_F(HostingTest, UsersAreToldInTheOrderInWhichTheyCame) {
  User first("1", &heard_);
  User second("2", &heard_);
  User third("3", &heard_);
  for (User* user : {&first, &second, &third}) hosting_->Join(user);
  host_.Succeed();
  hosting_->Leave(&second);
  host_.Lose(Status::Internal("gone"));
  EXPECT_THAT(heard_, ElementsAre("1 hosted", "2 hosted", "3 hosted", "1: gone", "3: gone"));
  hosting_->Leave(&first);
  hosting_->Leave(&third);
}

TEST_F(HostingTest, InstancesGoBeforeThePluginThatWasLost) {
  // A user as slots are: it has an instance, and lets go of it when it is told.
  struct Holder final : HostingUser {
    explicit Holder(Hosting* its_hosting) : hosting(its_hosting) {}
    void OnHosted() override { instance = hosting->plugin()->Create({}, nullptr); }
    bool IsIdle() const override { return false; }
    void OnNotHosted(const Status&) override {
      EXPECT_EQ(hosting->plugin(), nullptr);
      instance.reset();
    }
    Hosting* hosting;
    std::unique_ptr<host::Instance> instance;
  };
  Holder holder(&*hosting_);
  hosting_->Join(&holder);
  host_.Succeed();
  ASSERT_NE(holder.instance, nullptr);
  host_.openings[0].lost(kCrash);  // FakeHost complains of a wrong order
  EXPECT_EQ(holder.instance, nullptr);
  EXPECT_TRUE(host_.openings[0].made->destroyed);
  hosting_->Leave(&holder);
}

TEST_F(HostingTest, AfterThreeCrashesItWaits) {
  User user("user", &heard_);
  hosting_->Join(&user);
  host_.Succeed();
  LoseSoOften(3);
  EXPECT_EQ(hosting_->state(), HostingState::kOpening);
  host_.Succeed();
  heard_.clear();
  const auto before = Hosting::Clock::now();
  LoseAndSettle();
  const auto after = Hosting::Clock::now();
  EXPECT_EQ(hosting_->state(), HostingState::kBackingOff);
  EXPECT_EQ(hosting_->crashes(), 4U);
  EXPECT_GE(hosting_->again_at(), before + std::chrono::seconds(1));
  EXPECT_LE(hosting_->again_at(), after + std::chrono::seconds(1));
  EXPECT_EQ(host_.openings.size(), 4U);
  EXPECT_THAT(heard_, ElementsAre("user: its worker was killed by SIGSEGV"));
  EXPECT_THAT(log_.lines().back(), HasSubstr("; started again in 1 s"));
  // Then it comes back by itself.
  EXPECT_TRUE(RunUntil(io_, [this] { return host_.openings.size() == 5; }));
  EXPECT_GE(Hosting::Clock::now(), hosting_->again_at());
  EXPECT_EQ(hosting_->state(), HostingState::kOpening);
  host_.Succeed();
  EXPECT_EQ(hosting_->state(), HostingState::kOpen);
  hosting_->Leave(&user);
}

TEST_F(HostingTest, TheWaitDoublesUpToAMinute) {
  std::vector<int64_t> seconds;
  for (size_t crashes = 0; crashes < 13; ++crashes) {
    seconds.push_back(Hosting::DelayAfter(crashes).count() / 1000);
  }
  EXPECT_THAT(seconds, ElementsAre(0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60));
  EXPECT_EQ(Hosting::DelayAfter(1'000'000), std::chrono::seconds(60));
}

TEST_F(HostingTest, ClosesThePlugin) {
  FakePlugin& plugin = host_.Succeed();
  Close();
  EXPECT_EQ(hosting_->state(), HostingState::kClosed);
  EXPECT_EQ(closed_, 0);
  ASSERT_TRUE(plugin.on_closed);
  plugin.on_closed({.resident = true});
  EXPECT_EQ(closed_, 1);
  EXPECT_TRUE(outcome_.resident);
  EXPECT_EQ(hosting_->plugin(), nullptr);
  EXPECT_FALSE(plugin.destroyed);  // it is in the middle of telling this
  Settle(io_);
  EXPECT_TRUE(plugin.destroyed);
}

TEST_F(HostingTest, IsClosedWhileItOpens) {
  User user("user", &heard_);
  hosting_->Join(&user);
  Close();
  EXPECT_EQ(closed_, 0);  // never from inside the call
  Settle(io_);
  EXPECT_EQ(closed_, 1);
  EXPECT_FALSE(outcome_.resident);
  // What is open then is not wanted any more.
  host_.Succeed();
  EXPECT_TRUE(host_.openings[0].made->destroyed);
  EXPECT_EQ(hosting_->state(), HostingState::kClosed);
  EXPECT_THAT(heard_, IsEmpty());
  hosting_->Leave(&user);
}

TEST_F(HostingTest, IsClosedWhileItOpensInVain) {
  Close();
  host_.Fail(Status::Internal("no"));
  Settle(io_);
  EXPECT_EQ(hosting_->state(), HostingState::kClosed);
  EXPECT_EQ(closed_, 1);
  EXPECT_THAT(states_, ElementsAre(HostingState::kOpening, HostingState::kClosed));
}

TEST_F(HostingTest, IsClosedWhileItBacksOff) {
  host_.Succeed();
  LoseSoOften(4);
  ASSERT_EQ(hosting_->state(), HostingState::kBackingOff);
  Close();
  io_.restart();
  io_.run();  // does not wait for the time to come
  EXPECT_LT(Hosting::Clock::now(), hosting_->again_at());
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(host_.openings.size(), 4U);
  EXPECT_EQ(hosting_->state(), HostingState::kClosed);
}

TEST_F(HostingTest, IsClosedBetweenALossAndTheNextOpening) {
  host_.Succeed();
  host_.Lose(kCrash);
  Close();
  Settle(io_);
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(host_.openings.size(), 1U);
  EXPECT_EQ(hosting_->state(), HostingState::kClosed);
}

TEST_F(HostingTest, IsLostWhileItIsClosed) {
  User user("user", &heard_);
  host_.Succeed();
  hosting_->Join(&user);
  heard_.clear();
  Close();
  LoseAndSettle();
  EXPECT_EQ(closed_, 1);
  EXPECT_FALSE(outcome_.resident);
  EXPECT_TRUE(host_.openings[0].made->destroyed);
  EXPECT_EQ(host_.openings.size(), 1U);
  EXPECT_EQ(hosting_->state(), HostingState::kClosed);
  EXPECT_THAT(heard_, IsEmpty());
  hosting_->Leave(&user);
}

TEST_F(HostingTest, MayBeDestroyedByItsOwnClosing) {
  FakePlugin& plugin = host_.Succeed();
  hosting_->Close([this](CloseOutcome) { hosting_.reset(); });
  plugin.on_closed({});
  Settle(io_);
  EXPECT_TRUE(plugin.destroyed);
}

TEST_F(HostingTest, MayBeDestroyedAtAnyTime) {
  host_.Succeed();
  LoseSoOften(2);
  hosting_.reset();
  host_.Succeed();  // of the opening that nobody waits for
  EXPECT_TRUE(host_.plugin().destroyed);
  host_.openings.back().lost(kCrash);
  Settle(io_);
  EXPECT_EQ(host_.openings.size(), 3U);
}

TEST_F(HostingTest, KillsWhatIsOpen) {
  EXPECT_FALSE(hosting_->Kill(kCrash));
  host_.Succeed();
  EXPECT_TRUE(hosting_->Kill(Status::Internal("too late")));
  EXPECT_THAT(host_.plugin().killed, ElementsAre("too late"));
}

// One that is opened when it is wanted.
class SleepingHostingTest : public HostingTest {
 protected:
  SleepingHostingTest() : HostingTest(false) { hosting_->Join(&user_); }
  ~SleepingHostingTest() override { hosting_->Leave(&user_); }

  void FallAsleep() {
    user_.idle = true;
    hosting_->FallAsleepIfIdle();
    Settle(io_);
  }
  void PluginIsClosed() {
    std::exchange(host_.plugin().on_closed, nullptr)({});
    Settle(io_);
  }

  User user_{"user", &heard_};
};

TEST_F(SleepingHostingTest, IsOpenedWhenItIsWanted) {
  EXPECT_TRUE(hosting_->asleep());
  EXPECT_EQ(hosting_->pid(), 0);
  EXPECT_THAT(host_.openings, IsEmpty());
  hosting_->WakeUp();
  hosting_->WakeUp();
  EXPECT_FALSE(hosting_->asleep());
  ASSERT_EQ(host_.openings.size(), 1U);
  host_.Succeed();
  EXPECT_THAT(heard_, ElementsAre("user hosted"));
}

TEST_F(SleepingHostingTest, WhatCannotBeOpenedThereIsTriedAgain) {
  hosting_->WakeUp();
  host_.Fail(Status::FailedPrecondition("no memory"));
  Settle(io_);
  EXPECT_THAT(heard_, ElementsAre("user: no memory"));
  EXPECT_EQ(host_.openings.size(), 2U) << "it is open elsewhere";
}

TEST_F(SleepingHostingTest, FallsAsleepWhenNobodyHasAnythingThere) {
  hosting_->WakeUp();
  host_.Succeed();
  hosting_->FallAsleepIfIdle();
  Settle(io_);
  EXPECT_EQ(hosting_->state(), HostingState::kOpen);
  FallAsleep();
  EXPECT_EQ(hosting_->state(), HostingState::kFallingAsleep);
  EXPECT_TRUE(hosting_->asleep());
  EXPECT_FALSE(host_.plugin().destroyed);
  PluginIsClosed();
  EXPECT_EQ(hosting_->state(), HostingState::kAsleep);
  EXPECT_TRUE(host_.plugin().destroyed);
  EXPECT_THAT(heard_, ElementsAre("user hosted", "user is to go"));
  hosting_->WakeUp();
  ASSERT_EQ(host_.openings.size(), 2U);
  host_.Succeed();
  EXPECT_EQ(hosting_->state(), HostingState::kOpen);
  EXPECT_EQ(hosting_->crashes(), 0U);
}

TEST_F(SleepingHostingTest, IsWokenWhileItFallsAsleep) {
  hosting_->WakeUp();
  host_.Succeed();
  FallAsleep();
  hosting_->WakeUp();
  EXPECT_EQ(host_.openings.size(), 1U);
  PluginIsClosed();
  EXPECT_EQ(host_.openings.size(), 2U);
  EXPECT_EQ(hosting_->state(), HostingState::kOpening);
}

TEST_F(SleepingHostingTest, IsClosedWhileItFallsAsleep) {
  hosting_->WakeUp();
  host_.Succeed();
  FallAsleep();
  Close();
  Settle(io_);
  EXPECT_EQ(closed_, 0);
  PluginIsClosed();
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(hosting_->state(), HostingState::kClosed);
}

TEST_F(SleepingHostingTest, IsClosedAsleep) {
  Close();
  Settle(io_);
  EXPECT_EQ(closed_, 1);
}

TEST_F(SleepingHostingTest, StaysOpenWhereThatIsWanted) {
  hosting_->StayOpen();
  hosting_->WakeUp();
  host_.Succeed();
  FallAsleep();
  EXPECT_EQ(hosting_->state(), HostingState::kOpen);
}

}  // namespace
}  // namespace darkroom
