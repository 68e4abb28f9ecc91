// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const Terminal kPipe;

json Echo() {
  return {{"id", "echo"},
          {"version", "1.1.0"},
          {"summary", "Answers"},
          {"state", "active"},
          {"generation", 4},
          {"models", {"echo", "echo-two"}},
          {"upgrades", 3},
          {"crashes", 1},
          {"resident", 0},
          {"isolation", "process"},
          {"source", "/plugins/echo.so"},
          {"sha256", "4be1"},
          {"places",
           {{{"device", "cpu"},
             {"state", "backing off"},
             {"crashes", 5},
             {"again_s", 3.5},
             {"error", {{"code", "instance_lost"}, {"message", "killed by SIGSEGV"}}}},
            {{"device", "cuda:0"}, {"state", "open"}, {"crashes", 0}, {"pid", 812}}}},
          {"leaving", {{{"generation", 3}, {"version", "1.0.0"}, {"state", "draining"}}}},
          {"previous", {{"sha256", "aa55"}}}};
}

json Broken() {
  return {{"id", "broken"},
          {"state", "failed"},
          {"models", {"broken"}},
          {"upgrades", 0},
          {"crashes", 0},
          {"isolation", "in-process"},
          {"error", {{"message", "it has\x1b[31m no manifest"}, {"hint", "build it again"}}}};
}

json Host(const char* name, json plugins) { return {{"host", name}, {"plugins", plugins}}; }

TEST(PluginList, IsALineForEachPluginAndWhatWentWrongBelow) {
  const std::string text = PluginTable({Host("gpu-7", {Echo(), Broken()})}, kPipe);
  EXPECT_EQ(text,
            "PLUGIN  VERSION  STATE   GEN  MODELS          UPGRADES  CRASHES  ISOLATION\n"
            "echo    1.1.0    active    4  echo, echo-two         3        1  process\n"
            "broken  -        failed    -  broken                 0        0  in-process\n"
            "\n"
            "broken: it has [31m no manifest\n"
            "  build it again\n");
}

TEST(PluginList, NamesTheHostsWhereThereAreSeveral) {
  const std::string text = PluginTable({Host("gpu-7", {Echo()}), Host("gpu-8", {Broken()})}, kPipe);
  EXPECT_THAT(text, HasSubstr("HOST   PLUGIN"));
  EXPECT_THAT(text, HasSubstr("gpu-7  echo"));
  EXPECT_THAT(text, HasSubstr("gpu-8  broken"));
  EXPECT_THAT(text, HasSubstr("\ngpu-8: broken: it has"));
}

TEST(PluginList, ToldOfAPluginThatServesAnErrorIsThatOfTheLastChange) {
  json echo = Echo();
  echo["error"] = {{"message", "no room"}, {"hint", ""}};
  EXPECT_THAT(PluginTable({Host("gpu-7", {echo})}, kPipe),
              HasSubstr("echo: the last change failed: no room\n"));
}

TEST(PluginList, SurvivesDaemonsThatSayLittle) {
  EXPECT_THAT(PluginTable({Host("gpu-7", json::array())}, kPipe), HasSubstr("no plugins"));
  EXPECT_THAT(PluginTable({Host("gpu-7", {json::object(), 5})}, kPipe), HasSubstr("-"));
  EXPECT_THAT(PluginText({Host("gpu-7", {json::object()})}, kPipe), HasSubstr("\n"));
  json odd = Echo();
  odd["places"] = {5, {{"again_s", "soon"}}};
  odd["previous"] = 7;
  EXPECT_THAT(PluginText({Host("gpu-7", {odd})}, kPipe), HasSubstr("places"));
}

TEST(PluginList, OneIsShownWithEverything) {
  const std::string text = PluginText({Host("gpu-7", {Echo()})}, kPipe);
  for (const char* words :
       {"echo 1.1.0: Answers\n", "state       active\n", "models      echo, echo-two\n",
        "generation  4\n", "source      /plugins/echo.so\n", "sha256      4be1\n",
        "isolation   process\n", "upgrades    3\n", "crashes     1\n",
        "previous    sha256 aa55, to go back to by `darkroom plugins rollback echo`\n",
        "cpu     backing off    -        5  again in 3.5 s  killed by SIGSEGV\n",
        "cuda:0  open         812        0  -               -\n", "3  1.0.0    draining\n"}) {
    EXPECT_THAT(text, HasSubstr(words));
  }
  EXPECT_THAT(text, Not(HasSubstr("host")));
  EXPECT_THAT(text, Not(HasSubstr("resident")));
  EXPECT_THAT(PluginText({Host("gpu-7", {Echo()}), Host("gpu-8", {Echo()})}, kPipe),
              HasSubstr("host        gpu-8\n"));
}

TEST(PluginList, OneIsFoundOnTheHostsThatHaveIt) {
  const std::vector<json> hosts = {Host("gpu-7", {Echo(), Broken()}), Host("gpu-8", {Broken()})};
  const std::vector<json> only = OnlyPlugin(hosts, "echo");
  ASSERT_EQ(only.size(), 1U);
  EXPECT_EQ(only[0]["host"], "gpu-7");
  EXPECT_EQ(only[0]["plugins"].size(), 1U);
  EXPECT_TRUE(OnlyPlugin(hosts, "ecko").empty());
  const Failure failure = NoSuchPlugin(hosts, "ecko", "nats://here");
  EXPECT_EQ(failure.exit_code, ExitCode::kNotFound);
  EXPECT_THAT(failure.Text(), HasSubstr("did you mean echo?"));
}

}  // namespace
}  // namespace darkroom
