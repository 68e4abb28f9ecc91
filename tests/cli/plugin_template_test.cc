// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_template.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

class PluginTemplateTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cli-template-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(PluginTemplateTest, WritesEveryFileUnderThePluginsName) {
  const std::string folder = (folder_ / "deep" / "sharp-eyes").string();
  const auto written = WritePluginTemplate("sharp-eyes", folder);
  ASSERT_TRUE(written.ok()) << written.status().ToString();
  EXPECT_EQ(written->size(), PluginTemplate().size());
  for (const std::string& name : *written) {
    std::ifstream file(fs::path(folder) / name);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_NE(text.find("sharp-eyes"), std::string::npos) << name;
    EXPECT_EQ(text.find("my-plugin"), std::string::npos) << name;
    EXPECT_EQ(text.find("MyPlugin"), std::string::npos) << name;
  }
}

TEST_F(PluginTemplateTest, LeavesAFolderInUseAlone) {
  std::ofstream(folder_ / "mine") << "1";
  const auto written = WritePluginTemplate("a", folder_.string());
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(PluginTemplateTest, RefusesWhatIsNoName) {
  for (const char* name : {"", "-a", "A", "a b", "../a", "a/b", "1a", "ä"}) {
    const auto written = WritePluginTemplate(name, (folder_ / "new").string());
    ASSERT_FALSE(written.ok()) << name;
    EXPECT_EQ(written.status().code(), Code::kInvalidArgument) << name;
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(PluginTemplateTest, TellsWhyAFileCannotBeWritten) {
  std::ofstream(folder_ / "file") << "1";
  const auto written = WritePluginTemplate("a", (folder_ / "file" / "a").string());
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.status().code(), Code::kFailedPrecondition);
}

TEST(ClassName, IsTheNameInOneWord) {
  EXPECT_EQ(ClassName("negative"), "Negative");
  EXPECT_EQ(ClassName("sharp-eyes_2x"), "SharpEyes2x");
}

}  // namespace
}  // namespace darkroom
