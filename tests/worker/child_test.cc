// SPDX-License-Identifier: Apache-2.0

#include "worker/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "tests/worker/run_until.h"

namespace darkroom {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

std::set<int> OpenDescriptors(const std::string& process) {
  std::set<int> numbers;
  for (const auto& entry : fs::directory_iterator("/proc/" + process + "/fd")) {
    numbers.insert(std::stoi(entry.path().filename().string()));
  }
  return numbers;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A program, and what is told of it.
class ChildTest : public testing::Test {
 protected:
  ChildTest() {
    int sockets[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    socket_ = sockets[0];
    peer_ = sockets[1];
    arena_ = memfd_create("child-test", MFD_CLOEXEC);
  }
  ~ChildTest() override {
    child_.reset();
    io_.restart();
    io_.run();
    for (const int fd : {socket_, peer_, arena_}) close(fd);
  }

  ChildSpec Spec(const std::string& program, std::vector<std::string> arguments) const {
    ChildSpec spec;
    spec.program = program;
    spec.arguments = std::move(arguments);
    spec.environment = {"PATH=/usr/bin:/bin"};
    spec.socket = socket_;
    spec.arena = arena_;
    return spec;
  }

  Status Start(const ChildSpec& spec) {
    auto child = Child::Start(io_, spec,
                              {[this](int status) {
                                 ++exits_;
                                 lines_at_exit_ = lines_.size();
                                 status_ = status;
                               },
                               [this](std::string line) { lines_.push_back(std::move(line)); }});
    if (child.ok()) child_ = std::move(*child);
    return child.status();
  }
  // The words for how a script ends, when it has.
  std::string Run(const std::string& script) {
    const Status started = Start(Spec("/bin/sh", {"-c", script}));
    if (!started.ok()) return started.ToString();
    RunUntil(io_, [this] { return status_.has_value(); });
    return status_ ? ExitWords(*status_) : "it did not end";
  }
  // Starts a script that first says `ready`.
  void StartReady(const std::string& script) {
    ASSERT_TRUE(Start(Spec("/bin/sh", {"-c", "echo ready; " + script})).ok());
    ASSERT_TRUE(RunUntil(io_, [this] { return !lines_.empty(); }));
  }
  std::string Proc(const std::string& file) const {
    return "/proc/" + std::to_string(child_->pid()) + "/" + file;
  }

  boost::asio::io_context io_;
  int socket_ = -1;
  int peer_ = -1;
  int arena_ = -1;
  std::unique_ptr<Child> child_;
  std::vector<std::string> lines_;
  std::optional<int> status_;
  int exits_ = 0;
  size_t lines_at_exit_ = 0;
};

TEST_F(ChildTest, TellsOnceHowItEnded) {
  EXPECT_EQ(Run("exit 3"), "exited with code 3");
  io_.restart();
  io_.run();
  EXPECT_EQ(exits_, 1);
}

TEST_F(ChildTest, TellsThatItWasKilled) {
  EXPECT_EQ(Run("kill -TERM $$"), "killed by SIGTERM");
  EXPECT_TRUE(status_ && WIFSIGNALED(*status_));
}

TEST_F(ChildTest, ItsLinesAreHeardBeforeItsEnd) {
  EXPECT_EQ(Run("printf 'one\\n\\ntwo\\n'; printf 'three\\n' >&2; printf last"),
            "exited with code 0");
  EXPECT_THAT(lines_, ElementsAre("one", "two", "three", "last"));
  EXPECT_EQ(lines_at_exit_, 4U);
}

TEST_F(ChildTest, ALineWithoutEndIsCut) {
  Run("head -c 10000 /dev/zero | tr '\\0' x; echo; echo next");
  EXPECT_THAT(lines_, ElementsAre(std::string(4096, 'x'), std::string(4096, 'x'),
                                  std::string(10'000 - 2 * 4096, 'x'), "next"));
}

TEST_F(ChildTest, WhoPrintsMuchIsHeardInFull) {
  Run("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
  ASSERT_EQ(lines_at_exit_, 20'000U);
  EXPECT_EQ(lines_.back(), "line 19999");
}

TEST_F(ChildTest, HasItsDescriptorsAndNoOthers) {
  // None of these says that it is not to be passed on.
  std::vector<int> ours = {dup(0), fcntl(0, F_DUPFD, 40), fcntl(0, F_DUPFD, 500)};
  StartReady("exec sleep 1000");
  EXPECT_THAT(OpenDescriptors(std::to_string(child_->pid())), ElementsAre(0, 1, 2, 3, 4));
  for (const int fd : ours) close(fd);
  EXPECT_EQ(fs::read_symlink(Proc("fd/0")), "/dev/null");
  EXPECT_EQ(fs::read_symlink(Proc("fd/1")), fs::read_symlink(Proc("fd/2")));
  const auto same = [this](int theirs, int mine) {
    struct stat a {};
    struct stat b {};
    EXPECT_EQ(stat(Proc("fd/" + std::to_string(theirs)).c_str(), &a), 0);
    EXPECT_EQ(fstat(mine, &b), 0);
    return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
  };
  EXPECT_TRUE(same(kChildSocket, socket_));
  EXPECT_TRUE(same(kChildArena, arena_));
}

TEST_F(ChildTest, ItsDescriptorsWorkWhateverNumbersTheyHaveHere) {
  // Ours on the very numbers that the child's are put on, the wrong way round.
  const int kept_3 = fcntl(3, F_DUPFD_CLOEXEC, 100);
  const int kept_4 = fcntl(4, F_DUPFD_CLOEXEC, 100);
  const int socket = fcntl(socket_, F_DUPFD_CLOEXEC, 100);
  const int arena = fcntl(arena_, F_DUPFD_CLOEXEC, 100);
  dup3(arena, 3, O_CLOEXEC);
  dup3(socket, 4, O_CLOEXEC);
  ChildSpec spec = Spec("/bin/sh", {"-c", "echo to the arena >&4; echo to the socket >&3"});
  spec.arena = 3;
  spec.socket = 4;
  const Status started = Start(spec);
  for (const auto& [kept, number] : {std::pair(kept_3, 3), std::pair(kept_4, 4)}) {
    if (kept >= 0) {
      dup3(kept, number, O_CLOEXEC);
      close(kept);
    } else {
      close(number);
    }
  }
  ASSERT_TRUE(started.ok()) << started.ToString();
  EXPECT_TRUE(RunUntil(io_, [this] { return status_.has_value(); }));
  char said[64] = {};
  EXPECT_EQ(recv(peer_, said, sizeof(said) - 1, MSG_DONTWAIT), 14);
  EXPECT_STREQ(said, "to the socket\n");
  EXPECT_EQ(pread(arena, said, sizeof(said), 0), 13);
  close(socket);
  close(arena);
}

TEST_F(ChildTest, HasOnlyTheEnvironmentThatItIsGiven) {
  setenv("DARKROOM_TEST_SECRET", "hunter2", 1);
  ChildSpec spec = Spec("/usr/bin/env", {});
  spec.environment = {"ONE=1", "TWO=a b"};
  ASSERT_TRUE(Start(spec).ok());
  EXPECT_TRUE(RunUntil(io_, [this] { return status_.has_value(); }));
  EXPECT_THAT(lines_, ElementsAre("ONE=1", "TWO=a b"));
  unsetenv("DARKROOM_TEST_SECRET");
}

TEST_F(ChildTest, HasAGroupAndSignalsOfItsOwn) {
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &some, &before);
  const auto ignored = signal(SIGPIPE, SIG_IGN);
  StartReady("exec sleep 1000");
  signal(SIGPIPE, ignored);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(getpgid(child_->pid()), child_->pid());
  const std::string status = ReadFile(Proc("status"));
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000\n"));
  const size_t ignores = status.find("SigIgn:\t");
  ASSERT_NE(ignores, std::string::npos);
  // But for two signals of the C library's own.
  const uint64_t own = (uint64_t{1} << 31) | (uint64_t{1} << 32);
  EXPECT_EQ(std::stoull(status.substr(ignores + 8), nullptr, 16) & ~own, 0U);
}

TEST_F(ChildTest, KillsItWhenAsked) {
  StartReady("exec sleep 1000");
  child_->Kill();
  EXPECT_TRUE(RunUntil(io_, [this] { return status_.has_value(); }));
  EXPECT_THAT(ExitWords(*status_), StartsWith("killed by SIGKILL"));
  child_->Kill();  // nobody, whoever has its number now
}

TEST_F(ChildTest, DestroyingItEndsItAndLeavesNothingBehind) {
  const std::set<int> before = OpenDescriptors("self");
  StartReady("exec sleep 1000");
  const pid_t pid = child_->pid();
  child_.reset();
  io_.restart();
  io_.run();
  EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), -1);  // not even a zombie
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(exits_, 0);
  // The io_context may have opened what it works with meanwhile.
  boost::asio::io_context other;
  std::set<int> after = OpenDescriptors("self");
  std::erase_if(after, [&](int fd) { return before.count(fd) > 0; });
  for (const int fd : after) {
    EXPECT_THAT(fs::read_symlink("/proc/self/fd/" + std::to_string(fd)).string(),
                Not(testing::AnyOf(HasSubstr("pidfd"), HasSubstr("pipe:"))));
  }
}

TEST_F(ChildTest, MayBeDestroyedByItsOwnEnd) {
  int exits = 0;
  std::unique_ptr<Child> child;
  auto started = Child::Start(io_, Spec("/bin/sh", {"-c", "echo words"}),
                              {[&](int) {
                                 ++exits;
                                 child.reset();
                               },
                               [](const std::string&) {}});
  ASSERT_TRUE(started.ok());
  child = std::move(*started);
  io_.run();
  EXPECT_EQ(exits, 1);
}

TEST_F(ChildTest, MayBeDestroyedByALine) {
  int calls = 0;
  std::unique_ptr<Child> child;
  auto started = Child::Start(io_, Spec("/bin/sh", {"-c", "echo one; echo two"}),
                              {[&](int) { ++calls; },
                               [&](const std::string&) {
                                 ++calls;
                                 child.reset();
                               }});
  ASSERT_TRUE(started.ok());
  child = std::move(*started);
  // So that its end is known before its line is read.
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child->pid()), &ended, WEXITED | WNOWAIT), 0);
  io_.run();
  EXPECT_EQ(calls, 1);
}

TEST_F(ChildTest, AProgramThatIsNotThereIsSaidSo) {
  io_.poll();
  const std::set<int> before = OpenDescriptors("self");
  for (const char* program : {"/nonsuch/darkroom-worker", "/dev/null", "/tmp"}) {
    const Status started = Start(Spec(program, {}));
    EXPECT_EQ(started.code(), Code::kFailedPrecondition);
    EXPECT_THAT(started.message(), HasSubstr(program));
    EXPECT_THAT(started.hint(), Not(IsEmpty()));
  }
  EXPECT_EQ(OpenDescriptors("self"), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(ChildTest, IsNotStartedWithoutItsDescriptors) {
  io_.poll();
  rlimit allowed{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &allowed), 0);
  // Enough for a pipe, and none of the numbers that descriptors are kept at meanwhile.
  const rlimit few{16, allowed.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const Status started = Start(Spec("/bin/true", {}));
  setrlimit(RLIMIT_NOFILE, &allowed);
  EXPECT_EQ(started.code(), Code::kResourceExhausted) << started.ToString();
  EXPECT_THAT(started.message(), HasSubstr("/bin/true"));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(ExitWords, SayWhatAWaitStatusMeans) {
  EXPECT_EQ(ExitWords(0), "exited with code 0");
  EXPECT_EQ(ExitWords(255 << 8), "exited with code 255");
  EXPECT_EQ(ExitWords(SIGSEGV), "killed by SIGSEGV");
  EXPECT_EQ(ExitWords(SIGABRT | 0x80), "killed by SIGABRT");  // with a core dumped
  EXPECT_EQ(ExitWords(SIGSYS), "killed by SIGSYS");
  EXPECT_EQ(ExitWords(SIGKILL), "killed by SIGKILL (for lack of memory, if nobody else did it)");
  EXPECT_EQ(ExitWords(60), "killed by signal 60");
}

TEST(PlainEnvironment, HasSettingsAndNoSecrets) {
  setenv("OMP_NUM_THREADS", "3", 1);
  setenv("LC_TIME", "C", 1);
  setenv("CUDA_VISIBLE_DEVICES", "1,0", 1);
  setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST", 1);
  for (const char* secret :
       {"AWS_SECRET_ACCESS_KEY", "NATS_PASSWORD", "LANGUISH", "TZX", "HOME_OMP_"}) {
    setenv(secret, "hunter2", 1);
  }
  const std::vector<std::string> plain = PlainEnvironment();
  EXPECT_THAT(plain, Contains("OMP_NUM_THREADS=3"));
  EXPECT_THAT(plain, Contains("LC_TIME=C"));
  EXPECT_THAT(plain, Contains("CUDA_VISIBLE_DEVICES=1,0"));
  EXPECT_THAT(plain, Contains("CUDA_DEVICE_ORDER=PCI_BUS_ID"));
  EXPECT_THAT(plain, Not(Contains("CUDA_DEVICE_ORDER=FASTEST_FIRST")));
  for (const std::string& entry : plain) EXPECT_THAT(entry, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace darkroom
