// SPDX-License-Identifier: Apache-2.0

#include "cli/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cli-output-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  size_t Entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
};

TEST_F(OutputFileTest, TakesItsNameOnlyWhenAllIsThere) {
  Write(Path("a.png"), "old");
  auto file = OutputFile::Open(Path("a.png"));
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_EQ(Read(Path("a.png")), "old");
  ASSERT_TRUE((*file)->Commit("new bytes").ok());
  EXPECT_EQ(Read(Path("a.png")), "new bytes");
  EXPECT_EQ(Entries(), 1U);
}

TEST_F(OutputFileTest, LeavesNothingBehindWithoutAResult) {
  Write(Path("a.png"), "old");
  { auto file = OutputFile::Open(Path("a.png")); }
  EXPECT_EQ(Read(Path("a.png")), "old");
  EXPECT_EQ(Entries(), 1U);
}

TEST_F(OutputFileTest, KeepsTheRightsOfTheFileItReplaces) {
  Write(Path("a.png"), "old");
  ASSERT_EQ(chmod(Path("a.png").c_str(), 0640), 0);
  ASSERT_TRUE((*OutputFile::Open(Path("a.png")))->Commit("new").ok());
  struct stat info {};
  ASSERT_EQ(stat(Path("a.png").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(OutputFileTest, GivesANewFileTheRightsOfAnyOther) {
  const mode_t before = umask(027);
  ASSERT_TRUE((*OutputFile::Open(Path("a.png")))->Commit("new").ok());
  EXPECT_EQ(umask(before), 027U);
  struct stat info {};
  ASSERT_EQ(stat(Path("a.png").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640U);
}

TEST_F(OutputFileTest, FollowsALinkAndLeavesItALink) {
  Write(Path("real.png"), "old");
  fs::create_symlink("real.png", folder_ / "link.png");
  ASSERT_TRUE((*OutputFile::Open(Path("link.png")))->Commit("new").ok());
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.png"));
  EXPECT_EQ(Read(Path("real.png")), "new");
}

TEST_F(OutputFileTest, WritesToAPipeDirectly) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  // Open for both, so that neither side waits for the other.
  const int reader = open(Path("pipe").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  auto file = OutputFile::Open(Path("pipe"));
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  ASSERT_TRUE((*file)->Commit("bytes").ok());
  std::string received(5, '\0');
  EXPECT_EQ(read(reader, received.data(), received.size()), 5);
  EXPECT_EQ(received, "bytes");
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe"));
  close(reader);
}

TEST_F(OutputFileTest, FailsBeforeTheRequestWhereItCannotBeWritten) {
  EXPECT_EQ(OutputFile::Open(Path("none/a.png")).status().code(), Code::kNotFound);
  EXPECT_EQ(OutputFile::Open(folder_.string()).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace darkroom
