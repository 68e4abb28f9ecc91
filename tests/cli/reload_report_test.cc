// SPDX-License-Identifier: Apache-2.0

#include "cli/reload_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace darkroom {
namespace {

using nlohmann::json;

TEST(ReloadReport, HasALineForEachThing) {
  const json answer = json::parse(R"({
    "host": "gpu-7", "done": true, "settings": ["limits.queued"],
    "models": {"added": ["clip"], "removed": ["old"],
               "changed": [{"name": "sdxl", "keys": ["options", "queue"], "remade": true}]},
    "routes": {"added": ["a.*"], "changed": ["b"], "removed": ["c"]},
    "needs_restart": ["nats.url"], "warnings": ["nats.url needs a restart, and stays as it is"],
    "failed": []})");
  EXPECT_EQ(ReloadText(answer),
            "gpu-7: reloaded\n"
            "  ~ limits.queued\n"
            "  + model clip\n"
            "  ~ model sdxl: options, queue\n"
            "  - model old\n"
            "  + route a.*\n"
            "  ~ route b\n"
            "  - route c\n"
            "  ! nats.url needs a restart, and stays as it is\n");
}

TEST(ReloadReport, SaysWhenItHasOnlyBegunOrHasNothingToDo) {
  EXPECT_EQ(ReloadText({{"host", "a"}, {"done", false}, {"settings", {"log.level"}}}),
            "a: reloading\n  ~ log.level\n");
  EXPECT_EQ(ReloadText({{"host", "a"}, {"done", true}}), "a: nothing has changed\n");
}

TEST(ReloadReport, TakesWhateverAStrangerSends) {
  EXPECT_EQ(ReloadText(json::array()), ": nothing has changed\n");
  EXPECT_EQ(ReloadText({{"host", 7}, {"settings", {1, "a\x1b[2J"}}, {"models", "x"}}),
            ": reloading\n  ~ \n  ~ a [2J\n");
  EXPECT_EQ(ReloadText({{"models", {{"changed", {1, {{"name", 2}}}}}}}),
            ": reloading\n  ~ model : \n  ~ model : \n");
}

}  // namespace
}  // namespace darkroom
