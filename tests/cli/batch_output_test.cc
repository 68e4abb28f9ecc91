// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_output.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

class BatchOutputTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cli-batch-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_;
};

TEST_F(BatchOutputTest, AFileIsNamedAfterItsJobAndType) {
  const BatchOutput output((folder_ / "new" / "out").string());
  ASSERT_TRUE(output.Prepare().ok());
  EXPECT_TRUE(output.Wanted(""));
  EXPECT_FALSE(output.Has("", "a1"));
  ASSERT_TRUE(output.Write("", "a1", "image/jpeg", "picture").ok());
  EXPECT_EQ(Read("new/out/a1.jpg"), "picture");
  EXPECT_TRUE(output.Has("", "a1"));
  EXPECT_FALSE(output.Has("", "a"));
}

TEST_F(BatchOutputTest, ALineMaySayWhere) {
  const BatchOutput output(folder_.string());
  ASSERT_TRUE(output.Write("album/one.txt", "a1", "image/png", "text").ok());
  EXPECT_EQ(Read("album/one.txt"), "text");
  EXPECT_TRUE(output.Has("album/one.txt", "a1"));
  const std::string absolute = (folder_ / "two").string();
  ASSERT_TRUE(BatchOutput("elsewhere").Write(absolute, "a2", "", "2").ok());
  EXPECT_EQ(Read("two"), "2");
}

TEST_F(BatchOutputTest, WithoutAFolderOnlyThose) {
  const BatchOutput output("");
  EXPECT_TRUE(output.Prepare().ok());
  EXPECT_FALSE(output.Wanted(""));
  EXPECT_TRUE(output.Wanted("one.png"));
}

TEST_F(BatchOutputTest, AFileInTheWayIsAnError) {
  std::ofstream(folder_ / "file") << "here";
  EXPECT_FALSE(BatchOutput((folder_ / "file" / "out").string()).Prepare().ok());
}

TEST(ExtensionFor, KnowsWhatTheDaemonSends) {
  EXPECT_EQ(ExtensionFor("image/png"), "png");
  EXPECT_EQ(ExtensionFor("text/plain; charset=utf-8"), "txt");
  EXPECT_EQ(ExtensionFor("application/octet-stream"), "bin");
  EXPECT_EQ(ExtensionFor(""), "bin");
}

}  // namespace
}  // namespace darkroom
