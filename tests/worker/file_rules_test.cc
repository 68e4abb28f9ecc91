// SPDX-License-Identifier: Apache-2.0
//
// Which files a process in the sandbox can open, and what it can do to them.

#include "worker/file_rules.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/worker/in_sandbox.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

class FileRulesTest : public SandboxTest {};

TEST_F(FileRulesTest, ReadsWhatIsNamed) {
  const auto read = [&] { return ReadFile(Path("weights")); };
  EXPECT_EQ(InSandbox({.readable = {Path("weights")}}, read).text, "1 2 3");
  EXPECT_EQ(InSandbox({.readable = {folder_.string()}}, read).text, "1 2 3");
}

TEST_F(FileRulesTest, ReadsNoOtherFile) {
  ExpectAnswer("EACCES", kFiles, SandboxRules{.readable = {Path("weights")}},
               [&] { return ReadFile(Path("secret")); });
  ExpectAnswer("EACCES", kFiles, {}, [] { return ReadFile("/etc/shadow"); });
  ExpectAnswer("EACCES", kFiles, {},
               [&] { return Open(folder_.string(), O_RDONLY | O_DIRECTORY); });
}

TEST_F(FileRulesTest, ReadsNotThroughALink) {
  fs::create_symlink(Path("secret"), folder_ / "link");
  fs::create_directory(folder_ / "open");
  fs::create_symlink(Path("secret"), folder_ / "open/link");
  ExpectAnswer("EACCES", kFiles, SandboxRules{.readable = {Path("open")}},
               [&] { return ReadFile(Path("open/link")); });
}

TEST_F(FileRulesTest, SeesNoOtherProcessAtWork) {
  ExpectAnswer("EACCES", kFiles, {},
               [] { return ReadFile("/proc/" + std::to_string(getppid()) + "/environ"); });
  ExpectAnswer("EACCES", kFiles, {},
               [] { return Open("/proc/" + std::to_string(getppid()) + "/mem", O_RDONLY); });
}

TEST_F(FileRulesTest, SkipsPathsThatAreNotThere) {
  const SandboxRules rules{.readable = {"/nowhere/at/all", Path("weights"), Path("weights/x")},
                           .writable = {"/dev/nvidia77"}};
  EXPECT_EQ(InSandbox(rules, [&] { return ReadFile(Path("weights")); }).text, "1 2 3");
}

TEST_F(FileRulesTest, ReadsWhatLibrariesNeedOfTheSystem) {
  for (const char* path : {"/proc/cpuinfo", "/proc/self/maps", "/proc/self/status",
                           "/sys/devices/system/cpu/online", "/etc/ld.so.cache"}) {
    EXPECT_EQ(InSandbox({}, [&] { return Open(path, O_RDONLY); }).text, "ok") << path;
  }
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    EXPECT_EQ(InSandbox({}, [&] { return Open(path, O_RDWR); }).text, "ok") << path;
  }
  EXPECT_EQ(InSandbox({}, [] { return Open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC); }).text,
            "ok");
}

TEST_F(FileRulesTest, OpensALibraryOfTheSystem) {
  const Outcome outcome = InSandbox({}, [] {
    void* library = dlopen("libz.so.1", RTLD_NOW);
    if (library == nullptr) return std::string(dlerror());
    return Said(dlsym(library, "zlibVersion") != nullptr);
  });
  EXPECT_EQ(outcome.text, "ok");
}

TEST_F(FileRulesTest, WritesNoFile) {
  const SandboxRules rules{.readable = {folder_.string()}};
  ExpectAnswer("EACCES", kFiles, rules, [&] { return Open(Path("weights"), O_WRONLY); });
  ExpectAnswer("EACCES", kFiles, rules, [&] { return Open(Path("new"), O_WRONLY | O_CREAT); });
  ExpectAnswer("EACCES", kFiles, rules, [&] { return Said(unlink(Path("weights").c_str()) == 0); });
  ExpectAnswer("EACCES", kFiles, rules,
               [&] { return Said(rename(Path("weights").c_str(), Path("w").c_str()) == 0); });
  ExpectAnswer("EACCES", kFiles, rules, [] { return Open("/proc/self/comm", O_WRONLY); });
}

TEST_F(FileRulesTest, CutsNoFileShort) {
  const SandboxRules rules{.readable = {folder_.string()}};
  ExpectAnswer("EPERM", kCalls, rules,
               [&] { return Said(truncate(Path("weights").c_str(), 0) == 0); });
  ExpectAnswer("EPERM", kCalls, rules, [&] { return Open(Path("weights"), O_RDONLY | O_TRUNC); });
  ExpectAnswer("EPERM", kCalls, rules, [&] { return Open(Path("weights"), O_ACCMODE | O_TRUNC); });
  ExpectAnswer("EACCES", kFiles, rules, [&] { return Open(Path("weights"), O_WRONLY | O_TRUNC); });
}

TEST_F(FileRulesTest, ChangesNoRights) {
  ExpectAnswer("EPERM", kCalls, {}, [&] { return Said(chmod(Path("secret").c_str(), 0777) == 0); });
  ExpectAnswer("EPERM", kCalls, {}, [&] { return Said(chown(Path("secret").c_str(), 1, 1) == 0); });
}

TEST_F(FileRulesTest, OpensWhatIsWritableButFillsNothing) {
  fs::create_directory(folder_ / "cache");
  const SandboxRules rules{.writable = {Path("cache"), Path("weights")}};
  const Outcome outcome = InSandbox(rules, [&] {
    const int fd = open(Path("cache/new").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return Said(false);
    return Said(write(fd, "x", 1) == 1);
  });
  EXPECT_EQ(outcome.text, "EFBIG");
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_TRUE(fs::exists(folder_ / "cache/new"));
  EXPECT_EQ(InSandbox(rules, [&] { return Open(Path("weights"), O_RDWR); }).text, "ok");
  EXPECT_EQ(InSandbox(rules, [&] { return Said(unlink(Path("cache/new").c_str()) == 0); }).text,
            "ok");
}

TEST_F(FileRulesTest, FillsNoSharedMemoryOfItsOwn) {
  EXPECT_EQ(
      InSandbox({}, [] { return Said(ftruncate(memfd_create("m", MFD_CLOEXEC), 4096) == 0); }).text,
      "EFBIG");
}

TEST_F(FileRulesTest, KeepsWhatWasOpenBefore) {
  const int fd = open(Path("secret").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(InSandbox({},
                      [&] {
                        char text[7];
                        return Said(pread(fd, text, sizeof(text), 0) == sizeof(text));
                      })
                .text,
            "ok");
  close(fd);
}

}  // namespace
}  // namespace darkroom
