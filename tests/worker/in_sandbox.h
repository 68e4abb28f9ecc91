// SPDX-License-Identifier: Apache-2.0
//
// InSandbox tries something in a child process that has entered the sandbox, and brings home what
// came of it. SandboxTest has a folder with two files for it. One thread at a time.

#ifndef DARKROOM_TESTS_WORKER_IN_SANDBOX_H_
#define DARKROOM_TESTS_WORKER_IN_SANDBOX_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <source_location>
#include <sstream>
#include <string>

#include "worker/sandbox.h"

namespace darkroom {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;  // their shadow memory counts as the process's own
#else
inline constexpr bool kSanitized = false;
#endif

// What came of a child.
struct Outcome {
  std::string status;   // EnterSandbox's, "ok" if it went well
  std::string missing;  // what the kernel could not do
  std::string text;     // what the child answered
  int signal = 0;       // what it died of

  bool Lacks(const std::string& what) const { return missing.find(what) != std::string::npos; }
};

// "ok", or the name of errno.
inline std::string Said(bool went_well) {
  if (went_well) return "ok";
  const char* name = strerrorname_np(errno);
  return name == nullptr ? "errno " + std::to_string(errno) : name;
}

inline void WriteAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote <= 0) _exit(3);
    done += static_cast<size_t>(wrote);
  }
}

// Zero bytes part the three texts, as none holds one. The child ends by _exit(), because what leak
// checkers do at exit is refused in the sandbox.
[[noreturn]] inline void RunChild(int fd, const SandboxRules& rules,
                                  const std::function<std::string()>& call) {
  const Result<SandboxReport> report = EnterSandbox(rules);
  std::string head = report.status().ToString() + '\0';
  if (report.ok()) {
    for (const std::string& one : report->missing) head += one + '\n';
  }
  WriteAll(fd, head + '\0');
  if (report.ok()) WriteAll(fd, call());
  _exit(0);
}

// `user` 0: as whom the test runs.
inline Outcome InSandbox(const SandboxRules& rules, const std::function<std::string()>& call,
                         uid_t user = 0) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    if (user != 0 && (setgid(user) != 0 || setuid(user) != 0)) _exit(4);
    RunChild(ends[1], rules, call);
  }
  close(ends[1]);
  std::string all;
  char part[4096];
  for (ssize_t got = 0; (got = read(ends[0], part, sizeof(part))) > 0;) {
    all.append(part, static_cast<size_t>(got));
  }
  close(ends[0]);
  int ended = 0;
  EXPECT_EQ(waitpid(child, &ended, 0), child);

  Outcome outcome;
  std::istringstream words(all);
  std::getline(words, outcome.status, '\0');
  std::getline(words, outcome.missing, '\0');
  std::getline(words, outcome.text, '\0');
  if (WIFSIGNALED(ended)) outcome.signal = WTERMSIG(ended);
  EXPECT_EQ(outcome.status, "ok");
  return outcome;
}

// What a kernel that cannot do it says of itself.
inline constexpr const char* kFiles = "Landlock is not available";
inline constexpr const char* kCalls = "seccomp is not available";

// Expects the answer, unless the kernel `lacks` what brings it about.
inline void ExpectAnswer(const char* wanted, const char* lacks, const SandboxRules& rules,
                         const std::function<std::string()>& call,
                         const std::source_location& at = std::source_location::current()) {
  const ::testing::ScopedTrace trace(at.file_name(), static_cast<int>(at.line()), "called from");
  const Outcome outcome = InSandbox(rules, call);
  if (outcome.Lacks(lacks)) {
    std::cout << "skipped at line " << at.line() << ": " << outcome.missing;
    return;
  }
  EXPECT_EQ(outcome.text, wanted);
  EXPECT_EQ(outcome.signal, 0);
}

// A folder for one test, which other users may look into.
class SandboxTest : public ::testing::Test {
 public:
  SandboxTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sandbox-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::filesystem::permissions(folder_, std::filesystem::perms{0755});
    Write("secret", "hunter2");
    Write("weights", "1 2 3");
  }
  ~SandboxTest() override { std::filesystem::remove_all(folder_); }

 protected:
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  // The file's first bytes, or the name of errno.
  static std::string ReadFile(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Said(false);
    char text[256];
    const ssize_t got = read(fd, text, sizeof(text));
    std::string answer = got < 0 ? Said(false) : std::string(text, static_cast<size_t>(got));
    close(fd);
    return answer;
  }

  static std::string Open(const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
    std::string answer = Said(fd >= 0);
    if (fd >= 0) close(fd);
    return answer;
  }

  std::filesystem::path folder_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_WORKER_IN_SANDBOX_H_
