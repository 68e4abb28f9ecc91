// SPDX-License-Identifier: Apache-2.0

#include "plugin/staging.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "core/digest.h"
#include "tests/plugin/patched_file.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

TrustedFile Open(const std::string& path) {
  OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(fd.ok()) << path;
  return {std::move(fd), path};
}

class StagingTest : public ::testing::Test {
 protected:
  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(staged_)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  TestFolder folder_;
  std::string staged_ = folder_.path() + "/state/staged";
};

TEST_F(StagingTest, MakesAPrivateCopy) {
  Staging staging(staged_);
  const Result<StagedFile> copy = staging.Stage(Open(SOUND_PLUGIN));
  ASSERT_TRUE(copy.ok()) << copy.status().ToString();
  EXPECT_THAT(copy->path, MatchesRegex(staged_ + "/sound-[0-9a-f]{12}-1[.]so"));
  EXPECT_EQ(copy->path.substr(staged_.size() + 7, 12), copy->sha256.substr(0, 12));
  EXPECT_EQ(copy->source, SOUND_PLUGIN);
  EXPECT_EQ(copy->bytes, fs::file_size(SOUND_PLUGIN));
  const Result<std::string> digest = Sha256OfFile(SOUND_PLUGIN);
  ASSERT_TRUE(digest.ok());
  EXPECT_EQ(copy->sha256, *digest);
  EXPECT_EQ(ReadWhole(copy->path), ReadWhole(SOUND_PLUGIN));
  EXPECT_EQ(ModeOf(copy->path), 0500U);
  EXPECT_EQ(ModeOf(staged_), 0700U);
  EXPECT_EQ(Names().size(), 1U);
  EXPECT_TRUE(OpenTrustedFile(copy->path).ok());
}

TEST_F(StagingTest, TheUmaskDoesNotMatter) {
  const mode_t before = ::umask(0);
  Staging staging(staged_);
  const Result<StagedFile> copy = staging.Stage(Open(SOUND_PLUGIN));
  ::umask(before);
  ASSERT_TRUE(copy.ok()) << copy.status().ToString();
  EXPECT_EQ(ModeOf(copy->path), 0500U);
  EXPECT_EQ(ModeOf(staged_), 0700U);
}

TEST_F(StagingTest, EachCopyIsAFileOfItsOwn) {
  Staging staging(staged_);
  const TrustedFile source = Open(folder_.Write("a.so", "code"));
  const Result<StagedFile> first = staging.Stage(source);
  const Result<StagedFile> second = staging.Stage(source);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_THAT(second->path, HasSubstr("-2.so"));
  EXPECT_EQ(first->sha256, second->sha256);
  EXPECT_FALSE(fs::equivalent(first->path, second->path));
}

TEST_F(StagingTest, CopiesWhatIsOpenAndNotWhatHasTakenItsName) {
  Staging staging(staged_);
  const std::string path = folder_.Write("a.so", "old");
  const TrustedFile source = Open(path);
  fs::rename(folder_.Write("new", "new"), path);
  const Result<StagedFile> copy = staging.Stage(source);
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(ReadWhole(copy->path), "old");
}

TEST_F(StagingTest, ANameIsCleaned) {
  Staging staging(staged_);
  const auto name_of = [&](const std::string& source) {
    const Result<StagedFile> copy = staging.Stage(Open(folder_.Write(source, "code")));
    EXPECT_TRUE(copy.ok()) << copy.status().ToString();
    return copy.ok() ? fs::path(copy->path).filename().string() : "";
  };
  EXPECT_THAT(name_of("my plugin.v2-x_Y.so"), MatchesRegex("my_plugin_v2-x_Y-[0-9a-f]{12}-1.so"));
  EXPECT_THAT(name_of("none"), MatchesRegex("none-[0-9a-f]{12}-2.so"));
  EXPECT_THAT(name_of(".so"), MatchesRegex("plugin-[0-9a-f]{12}-3.so"));
  EXPECT_THAT(name_of(std::string(250, 'x') + ".so"), MatchesRegex("x{64}-[0-9a-f]{12}-4.so"));
}

TEST_F(StagingTest, ClearRemovesWhatAnEarlierRunHasLeft) {
  {
    Staging earlier(staged_);
    ASSERT_TRUE(earlier.Clear().ok());
    ASSERT_TRUE(earlier.Stage(Open(folder_.Write("a.so", "code"))).ok());
    ASSERT_TRUE(earlier.Stage(Open(folder_.Write("my-b.so", "code"))).ok());
  }
  ASSERT_EQ(Names().size(), 2U);
  // A copy that a crash cut short, and what is none of ours.
  const std::string at = "state/staged/";
  const std::string of = "-0123456789ab";
  folder_.Write(at + "a-copying-7.so", "co");
  std::set<std::string> others = {"notes.txt",
                                  "a.so",
                                  "a" + of + ".so",
                                  of + "-1.so",
                                  "-1.so",
                                  "1.so",
                                  "a" + of + "-.so",
                                  "a" + of + "-1.so.old",
                                  "-a-1.so",
                                  "a-0123456-1.so",
                                  "a-0123456789AB-1.so",
                                  "a b" + of + "-1.so",
                                  "a-copy-1.so",
                                  "a" + of + "-x.so"};
  for (const std::string& name : others) folder_.Write(at + name, "");
  others.insert("folder" + of + "-1.so");
  fs::create_directory(staged_ + "/folder" + of + "-1.so");

  EXPECT_TRUE(Staging(staged_).Clear().ok());
  EXPECT_EQ(Names(), others);
}

TEST_F(StagingTest, LeftoversAreInNobodysWay) {
  Staging staging(staged_);
  ASSERT_TRUE(staging.Clear().ok());
  folder_.Write("state/staged/a-copying-1.so", "left");
  const Result<StagedFile> copy = staging.Stage(Open(folder_.Write("a.so", "code")));
  ASSERT_TRUE(copy.ok()) << copy.status().ToString();
  EXPECT_THAT(copy->path, HasSubstr("-2.so"));
}

TEST_F(StagingTest, RemoveRemovesTheCopyOnly) {
  Staging staging(staged_);
  const Result<StagedFile> copy = staging.Stage(Open(folder_.Write("a.so", "code")));
  ASSERT_TRUE(copy.ok());
  staging.Remove(*copy);
  EXPECT_TRUE(Names().empty());
  EXPECT_TRUE(fs::exists(copy->source));
  staging.Remove(*copy);
}

TEST_F(StagingTest, TheFolderIsMadePrivateAndMadeAgain) {
  fs::create_directories(staged_);
  fs::permissions(staged_, fs::perms{0755});
  fs::permissions(fs::path(staged_).parent_path(), fs::perms{0755});
  Staging staging(staged_ + "/");
  ASSERT_TRUE(staging.Clear().ok());
  EXPECT_EQ(ModeOf(staged_), 0700U);
  fs::remove_all(staged_);
  EXPECT_TRUE(staging.Stage(Open(folder_.Write("a.so", "code"))).ok());
}

TEST_F(StagingTest, AFolderThatOthersCanWriteToIsRefused) {
  fs::create_directories(staged_);
  fs::permissions(fs::path(staged_).parent_path(), fs::perms{0777});
  Staging staging(staged_);
  EXPECT_EQ(staging.Clear().code(), Code::kUnauthorized);
  const Status status = staging.Stage(Open(SOUND_PLUGIN)).status();
  EXPECT_EQ(status.code(), Code::kUnauthorized);
  EXPECT_THAT(status.message(), HasSubstr("has mode 0777"));
  EXPECT_TRUE(Names().empty());
}

TEST_F(StagingTest, AFolderThatCannotBeMadeIsSaid) {
  const std::string file = folder_.Write("file", "");
  EXPECT_THAT(Staging(file).Clear().message(), HasSubstr("Not a directory"));
  const Status below = Staging(file + "/staged").Clear();
  EXPECT_EQ(below.code(), Code::kFailedPrecondition);
  EXPECT_THAT(below.message(), HasSubstr("cannot make " + file + "/staged"));
  EXPECT_THAT(below.hint(), HasSubstr("name a folder that the daemon may make"));
}

TEST_F(StagingTest, AFolderOfRootsIsOfNoUseToOthers) {
  if (::geteuid() == 0) GTEST_SKIP() << "root can write to it";
  EXPECT_THAT(Staging("/usr/lib").Clear().message(), HasSubstr("cannot make /usr/lib private"));
}

TEST_F(StagingTest, WhatCannotBeReadIsSaid) {
  Staging staging(staged_);
  EXPECT_THAT(staging.Stage(Open(folder_.path())).status().message(), HasSubstr("cannot read"));
  const Status closed = staging.Stage(TrustedFile{OwnedFd(), "/a.so"}).status();
  EXPECT_EQ(closed.code(), Code::kFailedPrecondition);
  EXPECT_THAT(closed.message(), HasSubstr("cannot read /a.so"));
  EXPECT_TRUE(Names().empty());
}

// Stages a file that another thread keeps changing, until that is noticed. Meanwhile a copy may
// succeed between two changes.
Status StageWhileItChanges(Staging* staging, const std::string& path,
                           const std::function<void(int fd)>& change) {
  std::atomic<bool> noticed = false;
  std::thread writer([&] {
    const OwnedFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_TRUE(fd.ok());
    while (!noticed) change(fd.get());
  });
  const TrustedFile source = Open(path);
  Status status;
  while (status.ok()) {
    const Result<StagedFile> copy = staging->Stage(source);
    status = copy.status();
    if (copy.ok()) staging->Remove(*copy);
  }
  noticed = true;
  writer.join();
  return status;
}

class ChangingFileTest : public StagingTest,
                         public ::testing::WithParamInterface<std::function<void(int)>> {};

TEST_P(ChangingFileTest, IsBeingWritten) {
  Staging staging(staged_);
  const std::string path = folder_.Write("a.so", std::string(8 << 20, 'x'));
  const Status status = StageWhileItChanges(&staging, path, GetParam());
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), path + " is being written");
  EXPECT_THAT(status.hint(), HasSubstr("rename"));
  EXPECT_TRUE(Names().empty());
}

// Back to the first size now and then, or the disk would fill on a slow machine.
void Grow(int fd) {
  for (off_t size = 8 << 20; size < (8 << 20) + 1000; ++size) EXPECT_EQ(::ftruncate(fd, size), 0);
}
void Shrink(int fd) {
  for (off_t size = 8 << 20; size > (8 << 20) - 1000; --size) EXPECT_EQ(::ftruncate(fd, size), 0);
}
void Overwrite(int fd) { EXPECT_EQ(::pwrite(fd, "y", 1, 0), 1); }

INSTANTIATE_TEST_SUITE_P(Changes, ChangingFileTest, ::testing::Values(Grow, Shrink, Overwrite));

TEST_F(StagingTest, AFileThatEndsTooSoonIsNotTakenForWhole) {
  // The kernel makes these files as they are read, and says that they are a page long.
  const std::string path = "/sys/kernel/uevent_seqnum";
  if (!fs::exists(path)) GTEST_SKIP() << "no " << path;
  Staging staging(staged_);
  EXPECT_EQ(staging.Stage(Open(path)).status().message(), path + " is being written");
  EXPECT_TRUE(Names().empty());
}

// A tmpfs of the test's own at a new folder, which the rest of the machine does not see.
class OwnMount {
 public:
  OwnMount(std::string path, unsigned long flags, const char* options) : path_(std::move(path)) {
    fs::create_directories(path_);
    mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("none", path_.c_str(), "tmpfs", flags, options) == 0;
  }
  ~OwnMount() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  OwnMount(const OwnMount&) = delete;
  OwnMount& operator=(const OwnMount&) = delete;

  bool mounted() const { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(StagingTest, AFolderThatNoCodeCanRunFromIsRefused) {
  const OwnMount mount(folder_.path() + "/mount", MS_NOEXEC, "mode=0755");
  if (!mount.mounted()) GTEST_SKIP() << "this user may not mount";
  const Status status = Staging(folder_.path() + "/mount/staged").Clear();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("mounted noexec"));
  EXPECT_THAT(status.hint(), HasSubstr("name a folder elsewhere"));
}

TEST_F(StagingTest, AFullDiskIsSaid) {
  const OwnMount mount(folder_.path() + "/mount", 0, "mode=0755,size=64k");
  if (!mount.mounted()) GTEST_SKIP() << "this user may not mount";
  staged_ = folder_.path() + "/mount/staged";
  Staging staging(staged_);
  const Status status =
      staging.Stage(Open(folder_.Write("a.so", std::string(1 << 20, 'x')))).status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("No space left"));
  EXPECT_TRUE(Names().empty());
}

}  // namespace
}  // namespace darkroom
