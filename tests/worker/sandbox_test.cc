// SPDX-License-Identifier: Apache-2.0
//
// The sandbox as a whole: limits, capabilities, and whom it holds. Files and system calls have
// tests of their own.

#include "worker/sandbox.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <thread>

#include "tests/worker/in_sandbox.h"

namespace darkroom {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(SandboxTest, SetsLimits) {
  const auto limit = [](__rlimit_resource_t resource) {
    return [resource] {
      rlimit is{};
      if (getrlimit(resource, &is) != 0) return Said(false);
      return std::to_string(is.rlim_cur) + " " + std::to_string(is.rlim_max);
    };
  };
  EXPECT_EQ(InSandbox({}, limit(RLIMIT_FSIZE)).text, "0 0");
  // So much that a sanitizer's own memory has room in it.
  EXPECT_EQ(
      InSandbox({.memory = uint64_t{1} << 46, .memory_files = true}, limit(RLIMIT_FSIZE)).text,
      "70368744177664 70368744177664");
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(InSandbox({}, limit(RLIMIT_NOFILE)).text,
            std::to_string(std::min<rlim_t>(files.rlim_cur, 4096)) + " " +
                std::to_string(std::min<rlim_t>(files.rlim_max, 4096)));
  EXPECT_EQ(InSandbox({}, limit(RLIMIT_CORE)).text, limit(RLIMIT_CORE)());
  EXPECT_EQ(InSandbox({}, limit(RLIMIT_DATA)).text, limit(RLIMIT_DATA)());
}

TEST_F(SandboxTest, LetsFilesInMemoryBeFilledWhereCodeComesSo) {
  const auto fills = [] {
    const int fd = memfd_create("code", MFD_CLOEXEC);
    return Said(fd >= 0 && write(fd, "code", 4) == 4);
  };
  EXPECT_EQ(InSandbox({}, fills).text, "EFBIG");
  EXPECT_EQ(InSandbox({.memory_files = true}, fills).text, "ok");
}

TEST_F(SandboxTest, GivesNoMoreMemoryThanSaid) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's own memory counts, too";
  const auto allocates = [](size_t bytes) {
    return [bytes]() -> std::string {
      try {
        volatile char* memory = new char[bytes];
        memory[0] = 1;
        return "ok";
      } catch (const std::bad_alloc&) {
        return "bad_alloc";
      }
    };
  };
  const SandboxRules rules{.memory = 256U << 20};
  EXPECT_EQ(InSandbox(rules, allocates(size_t{64} << 20)).text, "ok");
  EXPECT_EQ(InSandbox(rules, allocates(size_t{512} << 20)).text, "bad_alloc");
  EXPECT_EQ(InSandbox({}, allocates(size_t{512} << 20)).text, "ok");
}

TEST_F(SandboxTest, LeavesRootNoPowerButOverItsFiles) {
  const Outcome outcome = InSandbox({}, []() -> std::string {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("CapEff:\t")) return line.substr(8);
    }
    return "none";
  });
  // CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH at most.
  EXPECT_EQ(std::stoull(outcome.text, nullptr, 16) & ~uint64_t{6}, 0U) << outcome.text;
}

TEST_F(SandboxTest, RefusesToHoldThreadsThatRunAlready) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer has a thread of its own";
#endif
  const pid_t child = fork();
  if (child == 0) {
    std::thread idle([] { pause(); });
    const Result<SandboxReport> report = EnterSandbox({});
    _exit(report.status().code() == Code::kFailedPrecondition ? 0 : 1);
  }
  int ended = 0;
  ASSERT_EQ(waitpid(child, &ended, 0), child);
  EXPECT_TRUE(WIFEXITED(ended) && WEXITSTATUS(ended) == 0) << ended;
}

TEST_F(SandboxTest, HoldsAPlainUser) {
  if (getuid() != 0) GTEST_SKIP() << "whoever runs this is one";
  constexpr uid_t kNobody = 65534;
  const SandboxRules rules{.readable = {Path("weights")}};
  EXPECT_EQ(InSandbox(
                rules, [&] { return ReadFile(Path("weights")); }, kNobody)
                .text,
            "1 2 3");
  const Outcome read = InSandbox(
      rules, [&] { return ReadFile(Path("secret")); }, kNobody);
  EXPECT_EQ(read.text, read.Lacks(kFiles) ? "hunter2" : "EACCES");
  const Outcome made = InSandbox(
      rules, [] { return Said(socket(AF_INET, SOCK_STREAM, 0) >= 0); }, kNobody);
  EXPECT_EQ(made.text, made.Lacks(kCalls) ? "ok" : "EPERM");
}

TEST_F(SandboxTest, SaysWhatTheKernelLacksInSentences) {
  std::istringstream missing(InSandbox({}, [] { return std::string(); }).missing);
  for (std::string line; std::getline(missing, line);) {
    EXPECT_TRUE(line.ends_with('.')) << line;
    GTEST_LOG_(INFO) << line;
  }
}

TEST(SandboxRules, AreRefusedIfTheyMakeNoSense) {
  // Before anything is done, so that this process stays as it is.
  const Result<SandboxReport> relative = EnterSandbox({.readable = {"weights/x"}});
  EXPECT_EQ(relative.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(relative.status().message(), HasSubstr("`readable` names \"weights/x\""));
  EXPECT_THAT(relative.status().hint(), Not(IsEmpty()));
  const Result<SandboxReport> empty = EnterSandbox({.writable = {""}});
  EXPECT_EQ(empty.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(empty.status().message(), HasSubstr("`writable`"));
}

}  // namespace
}  // namespace darkroom
