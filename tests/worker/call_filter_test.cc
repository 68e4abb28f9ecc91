// SPDX-License-Identifier: Apache-2.0
//
// What a process in the sandbox cannot ask the kernel for: sockets, processes, changes of the
// system.

#include "worker/call_filter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <csignal>
#include <thread>

#include "tests/worker/in_sandbox.h"

namespace darkroom {
namespace {

class CallFilterTest : public SandboxTest {};

// ---- Sockets ------------------------------------------------------------------------------------

std::string MakeSocket(int family) { return Said(socket(family, SOCK_STREAM, 0) >= 0); }

TEST_F(CallFilterTest, MakesNoSocket) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}) {
    ExpectAnswer("EPERM", kCalls, {}, [&] { return MakeSocket(family); });
  }
}

TEST_F(CallFilterTest, MakesLocalSocketsIfItMay) {
  const SandboxRules rules{.local_sockets = true};
  EXPECT_EQ(InSandbox(rules, [] { return MakeSocket(AF_UNIX); }).text, "ok");
  ExpectAnswer("EPERM", kCalls, rules, [] { return MakeSocket(AF_INET); });
  ExpectAnswer("EPERM", kCalls, rules, [] { return MakeSocket(AF_NETLINK); });
  // The kernel reads 32 bits of it.
  ExpectAnswer("EPERM", kCalls, rules,
               [] { return Said(syscall(SYS_socket, (1L << 32) | AF_INET, SOCK_STREAM, 0) >= 0); });
}

TEST_F(CallFilterTest, ConnectsNoSocketThatItWasGiven) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int given = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, any, size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, any, &size), 0);
  const auto connects = [&] { return Said(connect(given, any, size) == 0); };
  ExpectAnswer("EPERM", kCalls, {}, connects);
  // With sockets allowed it is Landlock that refuses TCP.
  ExpectAnswer("EACCES", "TCP", SandboxRules{.local_sockets = true}, connects);
  close(given);
  close(listener);
}

TEST_F(CallFilterTest, MakesPairsThatReachNobodyElse) {
  const auto pair = [](int family, int type) {
    return [family, type] {
      int ends[2];
      return Said(socketpair(family, type, 0, ends) == 0);
    };
  };
  EXPECT_EQ(InSandbox({}, pair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)).text, "ok");
  EXPECT_EQ(InSandbox({}, pair(AF_UNIX, SOCK_SEQPACKET)).text, "ok");
  ExpectAnswer("EPERM", kCalls, {}, pair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC));
  ExpectAnswer("EPERM", kCalls, {}, pair(AF_UNIX, SOCK_RAW));
  ExpectAnswer("EPERM", kCalls, {}, pair(AF_TIPC, SOCK_STREAM));
}

// ---- Processes ----------------------------------------------------------------------------------

TEST_F(CallFilterTest, RunsNoProgram) {
  ExpectAnswer("EPERM", kCalls, {}, [] {
    char name[] = "true";
    char* arguments[] = {name, nullptr};
    execv("/bin/true", arguments);
    return Said(false);
  });
  ExpectAnswer("EPERM", kCalls, {}, [] {
    char name[] = "true";
    char* arguments[] = {name, nullptr};
    pid_t child = 0;
    errno = posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments, environ);
    return Said(errno == 0);
  });
}

TEST_F(CallFilterTest, StartsNoProcess) {
  const auto forks = [] {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    return Said(child > 0);
  };
  ExpectAnswer("EPERM", kCalls, {}, forks);
  ExpectAnswer("EPERM", kCalls, {}, [] {
    const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    return Said(child > 0);
  });
  ExpectAnswer("ENOSYS", kCalls, {}, [] { return Said(syscall(SYS_clone3, nullptr, 0) >= 0); });
}

TEST_F(CallFilterTest, StartsThreads) {
  const Outcome outcome = InSandbox({}, [] {
    std::string said;
    // The filters hold for a thread, too.
    std::thread([&] { said = Said(socket(AF_INET, SOCK_STREAM, 0) >= 0); }).join();
    return said;
  });
  EXPECT_EQ(outcome.text, outcome.Lacks(kCalls) ? "ok" : "EPERM");
}

TEST_F(CallFilterTest, SignalsItselfOnly) {
  ExpectAnswer("EPERM", kCalls, {}, [] { return Said(kill(getppid(), 0) == 0); });
  ExpectAnswer("EPERM", kCalls, {}, [] { return Said(kill(0, 0) == 0); });
  ExpectAnswer("EPERM", kCalls, {}, [] { return Said(kill(-1, 0) == 0); });
  ExpectAnswer("EPERM", kCalls, {},
               [] { return Said(syscall(SYS_tgkill, getppid(), getppid(), 0) == 0); });
  // The kernel reads 32 bits of it.
  ExpectAnswer("EPERM", kCalls, {},
               [] { return Said(syscall(SYS_kill, (1L << 32) | getppid(), 0) == 0); });
  EXPECT_EQ(InSandbox({}, [] { return Said(kill(getpid(), 0) == 0); }).text, "ok");
}

TEST_F(CallFilterTest, DoesNotOutliveWhoStartedIt) {
  ExpectAnswer("EPERM", kCalls, {}, [] { return Said(prctl(PR_SET_PDEATHSIG, 0) == 0); });
  // Other uses of the call are not meant.
  EXPECT_EQ(InSandbox({}, [] { return Said(prctl(PR_SET_NAME, "lane") == 0); }).text, "ok");
}

TEST_F(CallFilterTest, CanAbort) {
  const Outcome outcome = InSandbox({}, []() -> std::string {
    // No file of the child is wanted here.
    const rlimit none{};
    setrlimit(RLIMIT_CORE, &none);
    std::abort();
  });
  EXPECT_EQ(outcome.signal, SIGABRT);
}

TEST_F(CallFilterTest, LooksIntoNoOtherProcess) {
  ExpectAnswer("EPERM", kCalls, {},
               [] { return Said(syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), 0, 0) == 0); });
  ExpectAnswer("EPERM", kCalls, {},
               [] { return Said(syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0) == 0); });
  ExpectAnswer("EPERM", kCalls, {}, [] { return Said(shmget(IPC_PRIVATE, 4096, 0600) >= 0); });
}

// ---- The system ---------------------------------------------------------------------------------

TEST_F(CallFilterTest, MakesNoOddCalls) {
  struct Call {
    const char* name;
    long number;
  };
  const Call calls[] = {
      {"mount", SYS_mount},
      {"unshare", SYS_unshare},
      {"bpf", SYS_bpf},
      {"io_uring_setup", SYS_io_uring_setup},
      {"userfaultfd", SYS_userfaultfd},
      {"keyctl", SYS_keyctl},
      {"perf_event_open", SYS_perf_event_open},
      {"setuid", SYS_setuid},
      {"personality", SYS_personality},
      {"open_by_handle_at", SYS_open_by_handle_at},
      {"clock_settime", SYS_clock_settime},
      {"setrlimit", SYS_setrlimit},
      {"finit_module", SYS_finit_module},
      {"setxattrat", 463},
  };
  for (const Call& call : calls) {
    SCOPED_TRACE(call.name);
    ExpectAnswer("EPERM", kCalls, {},
                 [&] { return Said(syscall(call.number, 0, 0, 0, 0, 0, 0) >= 0); });
  }
  ExpectAnswer("EPERM", kCalls, {}, [] { return Said(ioctl(0, TIOCSTI, "x") == 0); });
}

TEST_F(CallFilterTest, DiesOfCallsByOtherNumbers) {
#if defined(__x86_64__)
  constexpr long kX32 = 0x40000000;
  const Outcome outcome = InSandbox({}, [] { return Said(syscall(kX32 + SYS_getpid) > 0); });
  if (outcome.Lacks(kCalls)) GTEST_SKIP() << "this kernel has no seccomp";
  EXPECT_EQ(outcome.signal, SIGSYS);
#else
  GTEST_SKIP() << "only x86_64 has x32";
#endif
}

}  // namespace
}  // namespace darkroom
