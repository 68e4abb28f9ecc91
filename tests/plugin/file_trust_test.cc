// SPDX-License-Identifier: Apache-2.0

#include "plugin/file_trust.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "tests/plugin/patched_file.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kStranger = 64'321;

bool IsRoot() { return ::geteuid() == 0; }

class FileTrustTest : public ::testing::Test {
 protected:
  FileTrustTest() {
    MakeFolder("above");
    plugins_ = MakeFolder("above/plugins");
    file_ = Write("above/plugins/a.so", "code");
  }

  // Modes are set, so that the umask does not matter.
  std::string MakeFolder(const std::string& name) {
    std::string path = folder_.path() + "/" + name;
    EXPECT_EQ(::mkdir(path.c_str(), 0755), 0);
    Chmod(path, 0755);
    return path;
  }
  std::string Write(const std::string& name, const std::string& bytes) {
    std::string path = folder_.Write(name, bytes);
    Chmod(path, 0644);
    return path;
  }
  static void Chmod(const std::string& path, mode_t mode) {
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
  }
  static void Link(const std::string& target, const std::string& path) {
    EXPECT_EQ(::symlink(target.c_str(), path.c_str()), 0);
  }

  static std::string Contents(const TrustedFile& file) {
    std::array<char, 64> bytes{};
    const ssize_t count = ::pread(file.fd.get(), bytes.data(), bytes.size(), 0);
    return {bytes.data(), count > 0 ? static_cast<size_t>(count) : 0};
  }

  TestFolder folder_;
  std::string plugins_;
  std::string file_;
};

// What is refused names the path, says why, and what to do.
void ExpectRefused(const Status& status, const std::string& words, const std::string& hint) {
  EXPECT_EQ(status.code(), Code::kUnauthorized) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr(words));
  EXPECT_EQ(status.hint(), hint);
}

TEST_F(FileTrustTest, OpensAFileThatOnlyItsOwnerCanWrite) {
  const Result<TrustedFile> file = OpenTrustedFile(file_);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_EQ(file->path, file_);
  EXPECT_EQ(Contents(*file), "code");
  EXPECT_EQ(::fcntl(file->fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl(file->fd.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST_F(FileTrustTest, WhatWasCheckedIsWhatIsOpen) {
  const Result<TrustedFile> file = OpenTrustedFile(file_);
  ASSERT_TRUE(file.ok());
  fs::rename(Write("above/plugins/new", "other"), file_);
  EXPECT_EQ(Contents(*file), "code");
}

TEST_F(FileTrustTest, TheDescriptorIsClosedWithItsOwner) {
  int fd = -1;
  {
    Result<TrustedFile> file = OpenTrustedFile(file_);
    ASSERT_TRUE(file.ok());
    fd = file->fd.get();
    const OwnedFd moved = std::move(file->fd);
    EXPECT_EQ(moved.get(), fd);
    EXPECT_FALSE(file->fd.ok());  // NOLINT(bugprone-use-after-move): that it is empty is the point
    EXPECT_GE(::fcntl(fd, F_GETFD), 0);
  }
  EXPECT_LT(::fcntl(fd, F_GETFD), 0);
}

TEST_F(FileTrustTest, WhatIsNotThereIsNotFound) {
  const Status status = OpenTrustedFile(plugins_ + "/b.so").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr(plugins_ + "/b.so does not exist"));
  EXPECT_EQ(OpenTrustedFileIn(plugins_, "b.so").status().code(), Code::kNotFound);
  EXPECT_EQ(OpenTrustedFileIn(plugins_ + "/none", "a.so").status().code(), Code::kNotFound);

  Link("nowhere.so", plugins_ + "/dangling.so");
  const Status dangling = OpenTrustedFileIn(plugins_, "dangling.so").status();
  EXPECT_EQ(dangling.code(), Code::kNotFound);
  EXPECT_THAT(dangling.message(), HasSubstr("is a link to something that does not exist"));
}

TEST_F(FileTrustTest, OnlyARegularFileWillDo) {
  ExpectRefused(OpenTrustedFile(plugins_).status(), plugins_ + " is no regular file", "");
  const std::string fifo = plugins_ + "/fifo.so";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ExpectRefused(OpenTrustedFile(fifo).status(), fifo + " is no regular file", "");
}

TEST_F(FileTrustTest, WhatCannotBeResolvedSaysWhy) {
  Link("loop.so", plugins_ + "/loop.so");
  const Status loop = OpenTrustedFile(plugins_ + "/loop.so").status();
  EXPECT_EQ(loop.code(), Code::kFailedPrecondition);
  EXPECT_THAT(loop.message(), HasSubstr("cannot be opened"));
  EXPECT_EQ(OpenTrustedFile(file_ + "/b.so").status().code(), Code::kFailedPrecondition);
}

TEST_F(FileTrustTest, AFileThatMayNotBeReadIsRefused) {
  if (IsRoot()) GTEST_SKIP() << "root may read everything";
  Chmod(file_, 0200);
  const Status status = OpenTrustedFile(file_).status();
  EXPECT_EQ(status.code(), Code::kUnauthorized);
  EXPECT_THAT(status.message(), HasSubstr(file_ + " may not be opened by the service's user"));
}

TEST_F(FileTrustTest, AFileThatOthersMayWriteIsRefused) {
  Chmod(file_, 0664);
  ExpectRefused(OpenTrustedFile(file_).status(), file_ + " has mode 0664: its group may write",
                "chmod go-w " + file_);
  Chmod(file_, 0646);
  ExpectRefused(OpenTrustedFileIn(plugins_, "a.so").status(),
                file_ + " has mode 0646: anybody may write", "chmod go-w " + file_);
  Chmod(file_, 01666);  // sticky means nothing on a file
  ExpectRefused(OpenTrustedFile(file_).status(), "has mode 1666", "chmod go-w " + file_);
}

TEST_F(FileTrustTest, AFolderThatOthersMayWriteIsRefused) {
  Chmod(plugins_, 0777);
  ExpectRefused(OpenTrustedFile(file_).status(),
                file_ + " is not trusted: " + plugins_ + " has mode 0777: anybody may write",
                "chmod go-w " + plugins_);
  Chmod(plugins_, 0775);
  ExpectRefused(OpenTrustedFileIn(plugins_, "a.so").status(),
                plugins_ + " has mode 0775: its group may write", "chmod go-w " + plugins_);
}

TEST_F(FileTrustTest, SoIsAFolderFurtherUp) {
  const std::string above = folder_.path() + "/above";
  Chmod(above, 0777);
  ExpectRefused(OpenTrustedFile(file_).status(), above + " has mode 0777", "chmod go-w " + above);
}

TEST_F(FileTrustTest, AStickyFolderOfRootsIsFine) {
  const std::string above = folder_.path() + "/above";
  Chmod(above, 01777);
  Chmod(plugins_, 01777);
  if (IsRoot()) {
    EXPECT_TRUE(OpenTrustedFile(file_).ok());
    ASSERT_EQ(::chown(above.c_str(), kStranger, 0), 0);
    Chmod(above, 01777);
    // Its owner may replace what is in it. That it is the service's user makes it no better: such a
    // folder was not meant to be shared.
    ExpectRefused(OpenTrustedFile(file_, kStranger).status(), above + " has mode 1777",
                  "chmod go-w " + above);
  } else {
    ExpectRefused(OpenTrustedFile(file_).status(), above + " has mode 1777", "chmod go-w " + above);
  }
}

TEST_F(FileTrustTest, AStrangersFileIsRefused) {
  if (IsRoot()) {
    ASSERT_EQ(::chown(file_.c_str(), kStranger, 0), 0);
    ExpectRefused(OpenTrustedFile(file_).status(),
                  file_ + " belongs to user 64321, and only root, the service's user, may own it",
                  "chown root " + file_);
    ExpectRefused(OpenTrustedFile(file_, 990).status(), "only root or the service's user (990)",
                  "chown root " + file_);
    EXPECT_TRUE(OpenTrustedFile(file_, kStranger).ok());
  } else {
    // Everything here is a stranger's to a service that runs as somebody else.
    ExpectRefused(OpenTrustedFile(file_, kStranger).status(),
                  file_ + " is not trusted: " + folder_.path() + " belongs to user " +
                      std::to_string(::geteuid()),
                  "chown root " + folder_.path());
  }
}

TEST_F(FileTrustTest, SoIsAFileInAStrangersFolder) {
  if (!IsRoot()) GTEST_SKIP() << "only root can give a folder away";
  const std::string above = folder_.path() + "/above";
  ASSERT_EQ(::chown(above.c_str(), kStranger, 0), 0);
  ExpectRefused(OpenTrustedFile(file_).status(), above + " belongs to user 64321",
                "chown root " + above);
  EXPECT_TRUE(OpenTrustedFile(file_, kStranger).ok());
}

TEST_F(FileTrustTest, ALinkWithinTheFolderIsFollowed) {
  Link("a.so", plugins_ + "/current.so");
  Link(plugins_ + "/current.so", plugins_ + "/b.so");
  const Result<TrustedFile> file = OpenTrustedFileIn(plugins_, "b.so");
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_EQ(file->path, file_);
}

TEST_F(FileTrustTest, TheFolderItselfMayBeALink) {
  Link("above/plugins", folder_.path() + "/link");
  const Result<TrustedFile> file = OpenTrustedFileIn(folder_.path() + "/link", "a.so");
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_EQ(file->path, file_);
}

TEST_F(FileTrustTest, ALinkOutOfTheFolderIsRefused) {
  const std::string outside = Write("above/outside.so", "code");
  MakeFolder("above/plugins-old");  // begins with the folder's name, and is not in it
  const std::string sibling = Write("above/plugins-old/a.so", "code");
  const std::string hint = "copy the file into the folder, or name it by its path";

  Link("../outside.so", plugins_ + "/relative.so");
  Link(outside, plugins_ + "/absolute.so");
  Link("relative.so", plugins_ + "/twice.so");
  for (const char* name : {"relative.so", "absolute.so", "twice.so"}) {
    ExpectRefused(OpenTrustedFileIn(plugins_, name).status(),
                  plugins_ + "/" + name + " leads to " + outside, hint);
  }
  Link("../plugins-old/a.so", plugins_ + "/sibling.so");
  ExpectRefused(OpenTrustedFileIn(plugins_, "sibling.so").status(), "leads to " + sibling, hint);
  ExpectRefused(OpenTrustedFileIn(plugins_, "../outside.so").status(), "leads to " + outside, hint);
  ExpectRefused(OpenTrustedFileIn(plugins_, "").status(), "leads to " + plugins_, hint);

  // Named by its path it may lead anywhere.
  EXPECT_TRUE(OpenTrustedFile(plugins_ + "/twice.so").ok());
}

TEST_F(FileTrustTest, WhatALinkLeadsToIsChecked) {
  const std::string open = MakeFolder("open");
  const std::string theirs = Write("open/b.so", "code");
  Chmod(open, 0777);
  Link(theirs, plugins_ + "/link.so");
  ExpectRefused(OpenTrustedFile(plugins_ + "/link.so").status(),
                theirs + " is not trusted: " + open + " has mode 0777", "chmod go-w " + open);
  Chmod(open, 0755);
  Chmod(theirs, 0666);
  ExpectRefused(OpenTrustedFile(plugins_ + "/link.so").status(), theirs + " has mode 0666",
                "chmod go-w " + theirs);
}

TEST_F(FileTrustTest, AFolderIsCheckedToo) {
  const Result<TrustedFolder> folder = OpenTrustedFolder(plugins_ + "/.");
  ASSERT_TRUE(folder.ok()) << folder.status().ToString();
  EXPECT_EQ(folder->path, plugins_);
  EXPECT_EQ(::faccessat(folder->fd.get(), "a.so", R_OK, 0), 0);

  EXPECT_EQ(OpenTrustedFolder(plugins_ + "/none").status().code(), Code::kNotFound);
  EXPECT_THAT(OpenTrustedFolder(file_).status().message(), HasSubstr("Not a directory"));
  const std::string above = folder_.path() + "/above";
  Chmod(above, 0777);
  ExpectRefused(OpenTrustedFolder(plugins_).status(),
                plugins_ + " is not trusted: " + above + " has mode 0777", "chmod go-w " + above);
  Chmod(above, 0755);
  // Sticky keeps others from replacing, not from adding.
  Chmod(plugins_, 01777);
  ExpectRefused(OpenTrustedFolder(plugins_).status(), plugins_ + " has mode 1777",
                "chmod go-w " + plugins_);
}

TEST(CheckDigest, AnEmptyListAllowsAll) { EXPECT_TRUE(CheckDigest("a.so", "00ff", {}).ok()); }

TEST(CheckDigest, AListAllowsWhatIsInIt) {
  EXPECT_TRUE(CheckDigest("a.so", "00ff", {"1234", "00ff"}).ok());
  EXPECT_TRUE(CheckDigest("a.so", "00ff", {"00FF"}).ok());
}

TEST(CheckDigest, AListRefusesTheRest) {
  for (const char* other : {"00fe", "00f", "00ff0", ""}) {
    const Status status = CheckDigest("a.so", "00ff", {other});
    EXPECT_EQ(status.code(), Code::kUnauthorized);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("a.so"), HasSubstr("SHA-256 is 00ff")));
    EXPECT_THAT(status.hint(), HasSubstr("add that digest"));
  }
}

}  // namespace
}  // namespace darkroom
