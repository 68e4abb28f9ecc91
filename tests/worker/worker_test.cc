// SPDX-License-Identifier: Apache-2.0
//
// How workers end, and what is said of it. Most are scripts that behave as no worker does.

#include "worker/worker.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>

#include "tests/worker/worker_fixture.h"

namespace darkroom {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// One who takes part.
struct User final : WorkerUser {
  bool OnRecord(RecordKind kind, RecordReader*) override {
    kinds.push_back(kind);
    return believes;
  }
  void OnWorkerLost(const Status& why) override {
    lost.push_back(why.ToString());
    if (on_lost) on_lost();
  }

  bool believes = true;
  std::vector<RecordKind> kinds;
  std::vector<std::string> lost;
  std::function<void()> on_lost;
};

// A record's bytes for the shell's printf.
std::string Printf(const std::vector<std::byte>& packet) {
  std::string format;
  for (const std::byte byte : packet) {
    char octal[8];
    snprintf(octal, sizeof(octal), "\\%03o", std::to_integer<unsigned>(byte));
    format += octal;
  }
  return "printf '" + format + "' >&3";
}
std::string PrintfRecord(RecordKind kind, uint32_t about) {
  std::vector<std::byte> packet;
  { const RecordWriter out(&packet, kind, about); }
  return Printf(packet);
}
std::string PrintfHello(uint32_t version, const std::vector<std::string>& missing) {
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kHello, 0);
    out.Put(version);
    out.Put(static_cast<uint32_t>(missing.size()));
    for (const std::string& what : missing) out.Put(what);
  }
  return Printf(packet);
}
std::string PrintfLog(uint32_t level, const std::string& words) {
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kLog, 0);
    out.Put(level);
    out.Put(words);
  }
  return Printf(packet);
}

const std::string kStay = "\nexec sleep 1000";

class WorkerTest : public WorkerFixture {
 protected:
  ~WorkerTest() override { worker_.reset(); }

  void Start(const std::string& script) {
    set_up_.program = Script(script);
    auto worker = Worker::Start(io_, set_up_, log_.logger());
    ASSERT_TRUE(worker.ok()) << worker.status().ToString();
    worker_ = std::move(*worker);
    number_ = worker_->Join(&user_);
  }
  // Why a script is lost.
  std::string WhyLost(const std::string& script) {
    Start(script);
    if (worker_ == nullptr) return "not started";
    const pid_t pid = worker_->pid();
    if (!RunUntil(io_, [this] { return !user_.lost.empty(); })) return "not lost";
    EXPECT_TRUE(worker_->lost());
    // They are told when the process has ended.
    EXPECT_TRUE(kill(pid, 0) != 0 && errno == ESRCH);
    return user_.lost.back();
  }

  User user_;
  uint32_t number_ = 0;
  std::shared_ptr<Worker> worker_;
};

constexpr const char* kNonsense =
    "instance_lost: its worker sent what no worker sends, and was ended";

TEST_F(WorkerTest, ThatExits) {
  EXPECT_EQ(WhyLost("exit 3"), "instance_lost: its worker exited with code 3");
}

TEST_F(WorkerTest, ThatExitsWell) {
  EXPECT_EQ(WhyLost("exit 0"), "instance_lost: its worker exited with code 0");
}

TEST_F(WorkerTest, ThatIsKilled) {
  EXPECT_EQ(WhyLost("kill -SEGV $$"), "instance_lost: its worker was killed by SIGSEGV");
}

TEST_F(WorkerTest, ThatSendsGarbage) { EXPECT_EQ(WhyLost("echo garbage >&3" + kStay), kNonsense); }

TEST_F(WorkerTest, ThatSendsGarbageBehindSense) {
  EXPECT_EQ(WhyLost(PrintfHello(kProtocolVersion, {}) + "\n" + PrintfRecord(RecordKind::kPong, 0) +
                    "\nhead -c 1000 /dev/zero >&3" + kStay),
            kNonsense);
}

TEST_F(WorkerTest, ThatSpeaksOfWhatThereNeverWas) {
  EXPECT_EQ(WhyLost(PrintfRecord(RecordKind::kBatchDone, 77) + kStay), kNonsense);
}

TEST_F(WorkerTest, ThatSaysWhatOnlyTheDaemonSays) {
  EXPECT_EQ(WhyLost(PrintfRecord(RecordKind::kOpen, 0) + kStay), kNonsense);
}

TEST_F(WorkerTest, ThatTellsAUserNonsense) {
  user_.believes = false;
  EXPECT_EQ(WhyLost(PrintfRecord(RecordKind::kBatchDone, 1) + kStay), kNonsense);
  EXPECT_THAT(user_.kinds, ElementsAre(RecordKind::kBatchDone));
}

TEST_F(WorkerTest, ThatIsOfAnotherVersion) {
  EXPECT_EQ(WhyLost(PrintfHello(kProtocolVersion + 1, {}) + kStay),
            "failed_precondition: darkroom-worker is of another version of darkroom "
            "(install darkroomd and darkroom-worker together)");
}

TEST_F(WorkerTest, ThatClosesItsSocket) {
  EXPECT_EQ(WhyLost("exec 3>&-" + kStay),
            "instance_lost: its worker closed its socket, and was ended");
}

TEST_F(WorkerTest, ThatDoesNotAnswer) {
  set_up_.silence = std::chrono::milliseconds(100);
  EXPECT_THAT(WhyLost(PrintfHello(kProtocolVersion, {}) + kStay),
              AllOf(StartsWith("instance_lost: its worker did not answer for "),
                    HasSubstr(" s, and was ended")));
}

TEST_F(WorkerTest, WhoIsInAPluginsHandsNeedNotAnswer) {
  set_up_.silence = std::chrono::milliseconds(50);
  Start("exec sleep 1000");
  worker_->BeginLongCommand(1);
  boost::asio::steady_timer later(io_, std::chrono::milliseconds(300));
  bool is_later = false;
  later.async_wait([&](const boost::system::error_code&) { is_later = true; });
  RunUntil(io_, [&] { return is_later; });
  EXPECT_THAT(user_.lost, IsEmpty());
  worker_->EndLongCommand(1);
  EXPECT_TRUE(RunUntil(io_, [this] { return !user_.lost.empty(); }));
}

TEST_F(WorkerTest, TheLastWordsOfOneThatEndsCount) {
  EXPECT_EQ(WhyLost(PrintfRecord(RecordKind::kBatchDone, 1) + "\n" +
                    PrintfRecord(RecordKind::kUnloaded, 1) + "\nexit 1"),
            "instance_lost: its worker exited with code 1");
  EXPECT_THAT(user_.kinds, ElementsAre(RecordKind::kBatchDone, RecordKind::kUnloaded));
}

TEST_F(WorkerTest, WhatIsForOneWhoHasLeftIsNoNonsense) {
  Start(PrintfRecord(RecordKind::kBatchDone, 1) + "\n" + PrintfRecord(RecordKind::kUnloaded, 2) +
        kStay);
  User other;
  EXPECT_EQ(worker_->Join(&other), number_ + 1);
  worker_->Leave(number_);
  EXPECT_TRUE(RunUntil(io_, [&] { return !other.kinds.empty(); }));
  EXPECT_THAT(user_.kinds, IsEmpty());
  EXPECT_THAT(other.kinds, ElementsAre(RecordKind::kUnloaded));
  EXPECT_FALSE(worker_->lost());
}

TEST_F(WorkerTest, TheFirstReasonCounts) {
  Start("exec sleep 1000");
  worker_->Condemn(Status::Internal("the first"));
  worker_->Condemn(Status::Internal("the second"));
  EXPECT_THAT(user_.lost, IsEmpty());  // later, when it has ended
  EXPECT_TRUE(RunUntil(io_, [this] { return !user_.lost.empty(); }));
  EXPECT_THAT(user_.lost, ElementsAre("internal: the first"));
  worker_->Condemn(Status::Internal("the third"));
  Settle(io_);
  EXPECT_EQ(user_.lost.size(), 1U);
}

TEST_F(WorkerTest, WhatTheCondemnedSayDoesNotCount) {
  Start("read line <&3; " + PrintfRecord(RecordKind::kBatchDone, 1) + kStay);
  worker_->Condemn(Status::Internal("enough"));
  EXPECT_TRUE(RunUntil(io_, [this] { return !user_.lost.empty(); }));
  EXPECT_THAT(user_.kinds, IsEmpty());
}

TEST_F(WorkerTest, ThoseWhoCameLastAreToldFirst) {
  Start("exec sleep 1000");
  std::vector<int> told;
  user_.on_lost = [&] {
    told.push_back(1);
    // The last to know may let go of everything, and sends what nobody will hear.
    worker_->Send({std::byte{1}});
    worker_.reset();
  };
  User second;
  User third;
  const uint32_t second_number = worker_->Join(&second);
  worker_->Join(&third);
  second.on_lost = [&] { told.push_back(2); };
  third.on_lost = [&] {
    told.push_back(3);
    worker_->Leave(second_number);
  };
  worker_->Condemn(Status::Internal("enough"));
  EXPECT_TRUE(RunUntil(io_, [&] { return !user_.lost.empty(); }));
  EXPECT_THAT(told, ElementsAre(3, 1));
}

TEST_F(WorkerTest, DestroyingItEndsTheProcess) {
  Start("exec sleep 1000");
  const pid_t pid = worker_->pid();
  worker_.reset();
  EXPECT_TRUE(IsGone(pid));
  EXPECT_THAT(user_.lost, IsEmpty());
}

TEST_F(WorkerTest, ThatPrintsIsLogged) {
  WhyLost("echo to stdout; echo to stderr >&2; exit 1");
  EXPECT_THAT(log_.lines(),
              ElementsAre("info: w: printed: to stdout", "info: w: printed: to stderr"));
}

TEST_F(WorkerTest, ThatPrintsWithoutEndIsCut) {
  WhyLost("seq 50000; exit 1");
  EXPECT_THAT(log_.lines(),
              Contains("warning: w: more than 200 lines a second: the next are dropped"));
}

TEST_F(WorkerTest, ThatLogsIsLogged) {
  WhyLost(PrintfLog(0, "p: a") + "\n" + PrintfLog(2, "p: b") + "\n" + PrintfLog(3, "p: c") + "\n" +
          PrintfLog(4, "p: of no level") + "\nexit 1");
  EXPECT_THAT(log_.lines(), ElementsAre("debug: p: a", "warning: p: b", "error: p: c"));
}

TEST_F(WorkerTest, ThatIsLessConfinedIsLogged) {
  WhyLost(PrintfHello(kProtocolVersion, {"Landlock is not available."}) + "\nexit 1");
  EXPECT_THAT(log_.lines(),
              Contains("warning: w: less confined than it should be: Landlock is not available."));
}

TEST_F(WorkerTest, ItsEnvironmentHasNoSecrets) {
  setenv("DARKROOM_TEST_SECRET", "hunter2", 1);
  set_up_.library_folders = {"/opt/torch/lib", "/opt/other"};
  WhyLost("echo \"$1 [$DARKROOM_TEST_SECRET] $LD_LIBRARY_PATH $0\"; exit 1");
  unsetenv("DARKROOM_TEST_SECRET");
  EXPECT_THAT(log_.lines(),
              ElementsAre("info: w: printed: w [] /opt/torch/lib:/opt/other " + set_up_.program));
}

TEST_F(WorkerTest, IsNotStartedWithoutItsProgram) {
  set_up_.program = folder_ / "none";
  EXPECT_EQ(Worker::Start(io_, set_up_, log_.logger()).status().code(), Code::kFailedPrecondition);
}

TEST_F(WorkerTest, IsNotStartedWithoutItsArena) {
  set_up_.arena_bytes = uint64_t{1} << 63;
  EXPECT_EQ(Worker::Start(io_, set_up_, log_.logger()).status().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace darkroom
