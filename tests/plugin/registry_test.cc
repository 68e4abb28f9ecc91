// SPDX-License-Identifier: Apache-2.0

#include "plugin/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/digest.h"
#include "tests/plugin/patched_file.h"

namespace darkroom {
namespace {

using ::testing::HasSubstr;

TEST(Registry, FindsAPluginByItsIdAndByItsPath) {
  const TestFolder folder;
  const std::string path = folder.Write("values.so", ReadWhole(SOUND_PLUGIN));
  PluginRegistry registry(folder.path());
  const auto by_id = registry.Find("values");
  ASSERT_TRUE(by_id.ok()) << by_id.status().ToString();
  EXPECT_EQ((*by_id)->path, path);
  EXPECT_EQ((*by_id)->info.id, "values");
  EXPECT_EQ((*by_id)->report.verdict, Verdict::kOk);
  const auto digest = Sha256OfFile(path);
  ASSERT_TRUE(digest.ok());
  EXPECT_EQ((*by_id)->sha256, *digest);
  EXPECT_THAT((*by_id)->manifest_json, HasSubstr("\"id\": \"values\""));
  const auto by_path = registry.Find(SOUND_PLUGIN);
  ASSERT_TRUE(by_path.ok()) << by_path.status().ToString();
  EXPECT_EQ((*by_path)->path, SOUND_PLUGIN);
  EXPECT_EQ(registry.Known().size(), 1U);
}

TEST(Registry, ReadsAFileOnce) {
  const TestFolder folder;
  const std::string path = folder.Write("values.so", ReadWhole(SOUND_PLUGIN));
  PluginRegistry registry(folder.path());
  const auto first = registry.Find("values");
  ASSERT_TRUE(first.ok());
  std::filesystem::remove(path);
  const auto again = registry.Find("values");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(first->get(), again->get());
}

TEST(Registry, SuggestsTheIdThatWasMeant) {
  const TestFolder folder;
  folder.Write("values.so", ReadWhole(SOUND_PLUGIN));
  PluginRegistry registry(folder.path());
  const Status status = registry.Find("value").status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("there is no plugin \"value\""));
  EXPECT_EQ(status.hint(), "did you mean \"values\"?");
}

TEST(Registry, RefusesAFileUnderAnotherId) {
  const TestFolder folder;
  folder.Write("other.so", ReadWhole(SOUND_PLUGIN));
  PluginRegistry registry(folder.path());
  const Status status = registry.Find("other").status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("its id is \"values\""));
}

TEST(Registry, NamesTheFileInEveryRefusal) {
  const TestFolder folder;
  folder.Write("text.so", std::string(100, 'x'));
  folder.Write("cut.so", ReadWhole(SOUND_PLUGIN).substr(0, 5000));
  PluginRegistry registry(folder.path());
  for (const char* id : {"text", "cut"}) {
    const Status status = registry.Find(id).status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr(folder.path() + "/" + id + ".so"));
  }
  const Status refused = registry.Find(NO_ENTRY_PLUGIN).status();
  EXPECT_THAT(refused.message(), HasSubstr(NO_ENTRY_PLUGIN));
  EXPECT_THAT(refused.message(), HasSubstr("does not export"));
}

}  // namespace
}  // namespace darkroom
