// SPDX-License-Identifier: Apache-2.0
//
// The section as it is read with the whole file, by LoadConfig.

#include "config/plugins_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class PluginsSectionTest : public ConfigFileTest {
 protected:
  PluginsConfig Read(const std::string& yaml) { return ReadFile(yaml).plugins; }
  std::vector<std::string> Issues(const std::string& yaml) { return IssuesOf(yaml); }
  std::string Path(const std::string& name) const { return folder_ / name; }
};

TEST_F(PluginsSectionTest, IsAllDefaultsWhenItIsNotThere) {
  for (const char* yaml : {"", "plugins:\n", "plugins: {}\n"}) {
    const PluginsConfig plugins = Read(yaml);
    EXPECT_TRUE(plugins.watch);
    EXPECT_FALSE(plugins.serve_all);
    EXPECT_EQ(plugins.shadow, 0U);
    EXPECT_THAT(plugins.digests, IsEmpty());
    EXPECT_THAT(plugins.each, IsEmpty());
    const PluginRules& rules = plugins.RulesOf("any");
    EXPECT_EQ(rules.isolation, Isolation::kProcess);
    EXPECT_EQ(rules.worker, "");
    EXPECT_EQ(rules.memory, 0U);
    EXPECT_THAT(rules.files, IsEmpty());
  }
}

TEST_F(PluginsSectionTest, ReadsEveryKey) {
  const std::string digest = std::string(32, 'a') + std::string(32, '0');
  const PluginsConfig plugins = Read(R"(
plugins:
  folder: lib/plugins
  watch: false
  serve: all
  shadow: 8
  digests: [)" + digest + R"(]
  isolation: process
  worker: together
  memory: 2GiB
  files: [data, /usr/share/fonts, ../up]
  each:
    enhance: {worker: alone, memory: 8GiB, files: [luts/a.cube]}
    echo: {isolation: in-process, worker: ""}
    plain: {}
)");
  EXPECT_EQ(plugins.folder, Path("lib/plugins"));
  EXPECT_FALSE(plugins.watch);
  EXPECT_TRUE(plugins.serve_all);
  EXPECT_EQ(plugins.shadow, 8U);
  EXPECT_THAT(plugins.digests, ElementsAre(digest));

  const PluginRules& any = plugins.RulesOf("any");
  EXPECT_EQ(any.isolation, Isolation::kProcess);
  EXPECT_EQ(any.worker, "together");
  EXPECT_EQ(any.memory, uint64_t{2} << 30);
  EXPECT_THAT(any.files, ElementsAre(Path("data"), "/usr/share/fonts",
                                     (folder_.parent_path() / "up").string()));

  ASSERT_EQ(plugins.each.size(), 3U);
  const PluginRules& enhance = plugins.RulesOf("enhance");
  EXPECT_EQ(enhance.worker, "alone");
  EXPECT_EQ(enhance.memory, uint64_t{8} << 30);
  EXPECT_THAT(enhance.files, ElementsAre(Path("luts/a.cube")));
  const PluginRules& echo = plugins.RulesOf("echo");
  EXPECT_EQ(echo.isolation, Isolation::kInProcess);
  EXPECT_EQ(echo.worker, "");
  // What is not said of one plugin is as it is for all.
  EXPECT_EQ(echo.memory, any.memory);
  EXPECT_EQ(plugins.RulesOf("plain").worker, "together");
  EXPECT_EQ(plugins.RulesOf("plain").files, any.files);
}

TEST_F(PluginsSectionTest, AllMayRunInTheDaemonButOne) {
  const PluginsConfig plugins =
      Read("plugins: {isolation: in-process, each: {enhance: {isolation: process, worker: w}}}\n");
  EXPECT_EQ(plugins.rules.isolation, Isolation::kInProcess);
  EXPECT_EQ(plugins.RulesOf("enhance").isolation, Isolation::kProcess);
  EXPECT_EQ(plugins.RulesOf("enhance").worker, "w");
}

TEST_F(PluginsSectionTest, RefusesWhatIsNoDigest) {
  EXPECT_THAT(Issues("plugins:\n"
                     "  digests:\n"
                     "    - abc\n"
                     "    - " +
                     std::string(64, 'g') +
                     "\n"
                     "    - " +
                     std::string(64, 'F') +
                     "\n"
                     "    - [" +
                     std::string(64, 'a') + "]\n"),
              ElementsAre("darkroom.yaml:3:7: 'abc' is no SHA-256 digest: 64 hex digits, as "
                          "sha256sum prints them",
                          "darkroom.yaml:4:7: '" + std::string(64, 'g') +
                              "' is no SHA-256 digest: 64 hex digits, as sha256sum prints them",
                          "darkroom.yaml:6:7: '' is no SHA-256 digest: 64 hex digits, as "
                          "sha256sum prints them"));
  EXPECT_THAT(Issues("plugins: {digests: " + std::string(64, 'a') + "}\n"),
              ElementsAre("darkroom.yaml:1:20: digests must be a list of SHA-256 digests"));
  EXPECT_THAT(Issues("plugins: {digests: {a: b}}\n"),
              ElementsAre("darkroom.yaml:1:20: digests must be a list of SHA-256 digests"));
}

TEST_F(PluginsSectionTest, RefusesAWorkerForWhatRunsInTheDaemon) {
  EXPECT_THAT(Issues("plugins:\n"
                     "  isolation: in-process\n"
                     "  worker: w\n"),
              ElementsAre("darkroom.yaml:2:14: a plugin that runs in the daemon (isolation: "
                          "in-process) has no worker"));
  EXPECT_THAT(Issues("plugins:\n"
                     "  each:\n"
                     "    echo: {isolation: in-process, worker: w}\n"),
              ElementsAre("darkroom.yaml:3:23: a plugin that runs in the daemon (isolation: "
                          "in-process) has no worker"));
  EXPECT_THAT(Issues("plugins:\n"
                     "  isolation: in-process\n"
                     "  each:\n"
                     "    echo: {worker: w}\n"),
              ElementsAre("darkroom.yaml:4:20: a plugin that runs in the daemon (isolation: "
                          "in-process) has no worker"));
}

TEST_F(PluginsSectionTest, RefusesWrongValuesEachInItsPlace) {
  EXPECT_THAT(
      Issues("plugins:\n"
             "  watch: maybe\n"
             "  serve: none\n"
             "  shadow: 65\n"
             "  isolation: thread\n"
             "  worker: [w]\n"
             "  memory: lots\n"
             "  files: data\n"
             "  each:\n"
             "    echo: {memory: 1 MX}\n"),
      ElementsAre("darkroom.yaml:2:10: plugins.watch: must be true or false, not 'maybe'",
                  "darkroom.yaml:3:10: plugins.serve: must be one of configured, all, not "
                  "'none'",
                  "darkroom.yaml:4:11: plugins.shadow: must be a whole number from 0 to "
                  "64, not '65'",
                  "darkroom.yaml:5:14: plugins.isolation: must be one of process, "
                  "in-process, not 'thread'",
                  "darkroom.yaml:6:11: plugins.worker must be a single value",
                  testing::StartsWith("darkroom.yaml:7:11: plugins.memory: 'lots' is not a size"),
                  "darkroom.yaml:8:10: files must be a list of paths",
                  testing::StartsWith("darkroom.yaml:10:20: plugins.each.echo.memory:")));
}

TEST_F(PluginsSectionTest, RefusesKeysThatItDoesNotKnow) {
  EXPECT_THAT(
      Issues("plugins:\n"
             "  foldr: x\n"
             "  each:\n"
             "    echo: {isolaton: process, watch: true}\n"),
      UnorderedElementsAre("darkroom.yaml:2:3: unknown key 'plugins.foldr' (did you mean "
                           "'folder'?)",
                           "darkroom.yaml:4:12: unknown key 'plugins.each.echo.isolaton' (did you "
                           "mean 'isolation'?)",
                           "darkroom.yaml:4:31: unknown key 'plugins.each.echo.watch'"));
}

TEST_F(PluginsSectionTest, RefusesWrongShapes) {
  EXPECT_THAT(Issues("plugins: [a]\n"),
              ElementsAre("darkroom.yaml:1:10: plugins must be a map of keys and values"));
  EXPECT_THAT(Issues("plugins: {each: [echo]}\n"),
              ElementsAre("darkroom.yaml:1:17: each must be a map from a plugin's id to what it "
                          "runs in"));
  EXPECT_THAT(Issues("plugins: {each: {echo: process}}\n"),
              ElementsAre("darkroom.yaml:1:24: plugins.each.echo must be a map of keys and "
                          "values"));
  EXPECT_THAT(Issues("plugins: {each: {[echo]: {}}}\n"),
              ElementsAre("darkroom.yaml:1:18: a plugin's id must be a single value"));
  EXPECT_THAT(Issues("plugins: {each: {echo: {}, mock: {}, echo: {worker: w}}}\n"),
              ElementsAre("darkroom.yaml:1:38: plugin 'echo' is given twice"));
}

}  // namespace
}  // namespace darkroom
