// SPDX-License-Identifier: Apache-2.0

#include "cli/config_diff.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using nlohmann::json;

std::string Diff(const char* from, const char* to) {
  return ConfigDiffText(DiffConfigs(json::parse(from), json::parse(to)));
}

TEST(ConfigDiff, NamesEachKeyThatDiffers) {
  EXPECT_EQ(Diff(R"({"a": 1, "m": {"x": {"q": 1, "d": "5s"}, "y": {}}})",
                 R"({"a": 1, "m": {"x": {"q": 2, "d": null}, "z": {"q": 3}}})"),
            "~ m.x.d: 5s -> null\n"
            "~ m.x.q: 1 -> 2\n"
            "- m.y: {}\n"
            "+ m.z: {\"q\":3}\n");
}

TEST(ConfigDiff, ListsOfMapsAreComparedOneByOne) {
  EXPECT_EQ(Diff(R"({"r": [{"s": "a"}, {"s": "b"}], "l": [1, 2]})",
                 R"({"r": [{"s": "c"}, {"s": "b"}, {"s": "d"}], "l": [2, 1]})"),
            "~ l: [1,2] -> [2,1]\n"
            "~ r[0].s: a -> c\n"
            "+ r[2]: {\"s\":\"d\"}\n");
  EXPECT_EQ(Diff(R"({"r": []})", R"({"r": []})"), "");
}

TEST(ConfigDiff, AsJsonALackingSideIsLeftOut) {
  const auto changes =
      DiffConfigs(json::parse(R"({"a": 1, "b": 2})"), json::parse(R"({"b": null})"));
  EXPECT_EQ(ConfigDiffJson(changes),
            json::parse(R"([{"key": "a", "from": 1}, {"key": "b", "from": 2, "to": null}])"));
}

TEST(ConfigDiff, WhatStrangersSentIsMadeHarmless) {
  EXPECT_EQ(ConfigDiffText(DiffConfigs({{"a\x1b", "x\ny"}}, json::object())), "- a : x y\n");
}

}  // namespace
}  // namespace darkroom
