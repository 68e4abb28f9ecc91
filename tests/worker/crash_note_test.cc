// SPDX-License-Identifier: Apache-2.0

#include "worker/crash_note.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>

#include "core/thread.h"

namespace darkroom {
namespace {

class CrashNoteTest : public testing::Test {
 protected:
  struct Shared {
    CrashNote note;
    std::atomic<uint32_t> thread{0};  // that crashed
  };

  CrashNoteTest()
      : shared_(new(mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared) {}
  ~CrashNoteTest() override { munmap(shared_, sizeof(Shared)); }

  // Does it on a thread of a child process, and tells how that ended.
  int Crash(const std::function<void()>& crash) {
    const pid_t child = fork();
    if (child == 0) {
      LeaveCrashesIn(&shared_->note);
      std::thread([&] {
        shared_->thread = ThreadId();
        crash();
      }).join();
      _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_NE(shared_->thread, static_cast<uint32_t>(child));
    return status;
  }

  Shared* const shared_;
};

TEST_F(CrashNoteTest, NamesTheThreadThatAborts) {
  const int status = Crash([] { std::abort(); });
  EXPECT_EQ(shared_->note.thread, shared_->thread);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
}

TEST_F(CrashNoteTest, NamesTheThreadThatExits) {
  const int status = Crash([] { std::exit(5); });
  EXPECT_EQ(shared_->note.thread, shared_->thread);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
}

TEST_F(CrashNoteTest, NamesTheThreadThatFaults) {
  // Not by a null pointer, which a sanitizer would find first.
  void* const page = mmap(nullptr, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int status = Crash([page] { *static_cast<volatile int*>(page) = 1; });
  munmap(page, 1);
  EXPECT_EQ(shared_->note.thread, shared_->thread);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they make an exit of it
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
#else
  EXPECT_NE(status, 0);
#endif
}

TEST_F(CrashNoteTest, ASignalThatWasSentStillEndsTheProcess) {
  const int status = Crash([] { raise(SIGFPE); });
  EXPECT_EQ(shared_->note.thread, shared_->thread);
  EXPECT_NE(status, 0);
}

TEST_F(CrashNoteTest, NamesNobodyWhenItIsKilled) {
  const int status = Crash([] { raise(SIGKILL); });
  EXPECT_EQ(shared_->note.thread, 0U);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

}  // namespace
}  // namespace darkroom
