// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_change.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace darkroom {
namespace {

using nlohmann::json;

TEST(PluginChange, AFileIsMadeAbsoluteAndAnIdIsLeft) {
  const std::filesystem::path here = std::filesystem::current_path();
  EXPECT_EQ(ChangeBody({"load", "echo", "", ""}), json({{"plugin", "echo"}}));
  EXPECT_EQ(ChangeBody({"load", "/p/echo.so", "", ""}), json({{"file", "/p/echo.so"}}));
  EXPECT_EQ(ChangeBody({"load", "./nothing/../echo.so", "", ""}),
            json({{"file", (here / "echo.so").string()}}));
  EXPECT_EQ(ChangeBody({"load", "nothing.so", "", ""}), json({{"plugin", "nothing.so"}}));
}

TEST(PluginChange, WhatExistsIsAFileWithoutASlash) {
  const std::string name = "plugin_change_test." + std::to_string(getpid());
  std::ofstream(name) << "x";
  EXPECT_EQ(ChangeBody({"load", name, "", ""}),
            json({{"file", (std::filesystem::current_path() / name).string()}}));
  // Others take ids alone.
  EXPECT_EQ(ChangeBody({"unload", name, "", ""}), json({{"plugin", name}}));
  std::filesystem::remove(name);
}

TEST(PluginChange, AnUpgradeHasBothAndAHostIsNamed) {
  EXPECT_EQ(ChangeBody({"upgrade", "echo", "/p/new.so", "gpu-7"}),
            json({{"plugin", "echo"}, {"file", "/p/new.so"}, {"host", "gpu-7"}}));
  EXPECT_EQ(ChangeBody({"upgrade", "echo", "", ""}), json({{"plugin", "echo"}}));
}

json Answer(json fields) {
  json answer = {{"host", "gpu-7"},       {"plugin", "echo"}, {"version", "1.1.0"},
                 {"generation", 4},       {"took_ms", 123.4}, {"models", {"echo"}},
                 {"notes", json::array()}};
  answer.update(fields);
  return answer;
}

TEST(PluginChange, IsToldInALine) {
  EXPECT_EQ(ChangeText(Answer({{"action", "upgraded"}, {"from", "1.0.0"}, {"plan", "overlap"}})),
            "gpu-7: echo 1.0.0 -> 1.1.0, generation 4 (overlap, 123 ms)\n");
  EXPECT_EQ(ChangeText(Answer({{"action", "loaded"}})),
            "gpu-7: echo 1.1.0 loaded, generation 4 (123 ms)\n");
  EXPECT_EQ(ChangeText(Answer({{"action", "rolled back"}, {"from", "1.2.0"}, {"plan", "overlap"}})),
            "gpu-7: echo 1.2.0 -> 1.1.0, rolled back, generation 4 (overlap, 123 ms)\n");
  EXPECT_EQ(ChangeText(Answer({{"action", "unloaded"}, {"from", "1.1.0"}, {"version", ""}})),
            "gpu-7: echo 1.1.0 unloaded, generation 4 (123 ms)\n");
  EXPECT_EQ(ChangeText(Answer({{"action", "unchanged"}})),
            "gpu-7: echo 1.1.0 unchanged, generation 4: it has this very file\n");
}

TEST(PluginChange, NotesFollow) {
  EXPECT_EQ(ChangeText(Answer({{"action", "upgraded"},
                               {"from", "1.0.0"},
                               {"plan", "swap"},
                               {"notes", {"there was no\x1b room", 5}}})),
            "gpu-7: echo 1.0.0 -> 1.1.0, generation 4 (swap, 123 ms)\n"
            "  there was no  room\n");
  EXPECT_EQ(ChangeText(Answer({{"action", "loaded"}, {"models", json::array()}})),
            "gpu-7: echo 1.1.0 loaded, generation 4 (123 ms)\n"
            "  no model uses it: another plugin's model has its name\n");
}

}  // namespace
}  // namespace darkroom
