// SPDX-License-Identifier: Apache-2.0

#include "config/fragments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/config/config_file.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

class FragmentsTest : public ConfigFileTest {
 protected:
  void Fragment(const std::string& name, const std::string& yaml) {
    fs::create_directories((folder_ / "conf.d" / name).parent_path());
    std::ofstream(folder_ / "conf.d" / name) << yaml;
  }
};

TEST_F(FragmentsTest, AreMergedInTheOrderOfTheirNames) {
  Fragment("20-b.yaml", "drain_timeout: 20s\nlog: {format: json}\n");
  Fragment("10-a.yaml", "drain_timeout: 10s\nlog: {level: debug}\n");
  Fragment("30-empty.yaml", "# nothing\n");
  const Config config = ReadFile("drain_timeout: 1s\nlimits: {queued: 7}\n");
  EXPECT_EQ(config.drain_timeout, std::chrono::seconds(20));
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(config.log_format, LogFormat::kJson);
  EXPECT_EQ(config.limits.queued, 7U);
  EXPECT_THAT(LoadFile("").files,
              ElementsAre(folder_ / "darkroom.yaml", folder_ / "conf.d/10-a.yaml",
                          folder_ / "conf.d/20-b.yaml", folder_ / "conf.d/30-empty.yaml"));
}

TEST_F(FragmentsTest, AddModelsAndRoutesAndChangeOneKeyOfAModel) {
  Fragment("more.yaml",
           "models:\n  b: {plugin: echo, weights: w/b.bin}\n  a: {queue: 3}\n"
           "routes: [{subject: in.b, model: b}]\n");
  const Config config = ReadFile(
      "models: {a: {plugin: mock, weights: w/a.bin}}\nroutes: [{subject: in.a, model: a}]\n");
  ASSERT_EQ(config.models.size(), 2U);
  EXPECT_EQ(config.models[0].plugin, "mock");
  EXPECT_EQ(config.models[0].queue, 3U);
  // Relative to the file that names them.
  EXPECT_EQ(config.models[0].weights, (folder_ / "w/a.bin").string());
  EXPECT_EQ(config.models[1].weights, (folder_ / "conf.d/w/b.bin").string());
  ASSERT_EQ(config.routes.size(), 2U);
  EXPECT_EQ(config.routes[0].subject, "in.a");
  EXPECT_EQ(config.routes[1].subject, "in.b");
}

TEST_F(FragmentsTest, ListsOtherThanRoutesAreReplaced) {
  Fragment("gpu.yaml", "devices: [{device: sim:0, memory: 1GiB}]\n");
  const Config config = ReadFile("devices: [{device: cpu}]\n");
  ASSERT_EQ(config.devices.size(), 1U);
  EXPECT_EQ(config.devices[0].device, "sim:0");
}

TEST_F(FragmentsTest, TheirIssuesNameThem) {
  Fragment("10-a.yaml", "\nlimitz: {}\n");
  Fragment("20-b.yaml", "models:\n  a: {queue: many}\nroutes: [{subject: x, model: c}]\n");
  EXPECT_THAT(
      IssuesOf("models: {a: {plugin: echo}}\nnats: {prefx: p}\n"),
      ElementsAre("darkroom.yaml:2:8: unknown key 'nats.prefx' (did you mean 'prefix'?)",
                  "conf.d/20-b.yaml:2:14: models.a.queue: must be a whole number from 1 to "
                  "1000000, not 'many'",
                  "conf.d/20-b.yaml:3:10: route 'x' leads to the unknown model 'c' (did you "
                  "mean 'a'?)",
                  "conf.d/10-a.yaml:2:1: unknown key 'limitz' (did you mean 'limits'?)"));
}

TEST_F(FragmentsTest, AllThatAreNoYamlAreToldAtOnce) {
  Fragment("10-a.yaml", "x: [\n");
  Fragment("20-b.yaml", "- a\n");
  Fragment("30-c.yml", "drain_timeout: 1s\n");
  Fragment("note.txt", "[");
  Fragment(".hidden.yaml", "[");
  const auto issues = IssuesOf("nats: {\n");
  EXPECT_THAT(issues,
              ElementsAre(HasSubstr("conf.d/30-c.yml: is not read"), HasSubstr("darkroom.yaml:2:"),
                          HasSubstr("conf.d/10-a.yaml:2:"),
                          "conf.d/20-b.yaml:1:1: the file must be a map of keys and values"));
}

TEST_F(FragmentsTest, AKeyThatIsTwiceInAFragmentIsAnIssueOfIt) {
  Fragment("a.yaml", "drain_timeout: 2s\ndrain_timeout: 3s\n");
  EXPECT_THAT(IssuesOf("drain_timeout: 1s\n"),
              ElementsAre("conf.d/a.yaml:2:1: key 'drain_timeout' is given twice"));
}

TEST_F(FragmentsTest, AnAliasThatAFragmentChangesStaysAsItWasElsewhere) {
  Fragment("a.yaml", "models: {a: {queue: 3}}\n");
  const Config config = ReadFile("models: {a: &same {plugin: echo}, b: *same}\n");
  EXPECT_EQ(config.models[0].queue, 3U);
  EXPECT_EQ(config.models[1].queue, 256U);
}

TEST_F(FragmentsTest, ManyValuesOutOfFewLinesAreRefused) {
  std::string bomb = "models:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    bomb += std::string("  ") + c + ": &" + c + " [";
    for (int i = 0; i < 10; ++i)
      bomb += std::string(i > 0 ? ", *" : "*") + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(IssuesOf(bomb), ElementsAre(HasSubstr("more than 200000 values")));
}

}  // namespace
}  // namespace darkroom
