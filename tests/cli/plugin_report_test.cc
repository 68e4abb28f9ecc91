// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace darkroom {
namespace {

PluginFile Sharpener() {
  PluginFile plugin;
  plugin.path = "/plugins/sharpener.so";
  plugin.sha256 = "abc";
  plugin.info.id = "sharpener";
  plugin.info.version = "1.2.3";
  plugin.info.summary = "Sharpens\x1b[31m";
  plugin.info.inputs = {{"image", ValueKind::kImage, "uint8", {-1, -1, -1}, false},
                        {"mask", ValueKind::kMask, "uint8", {}, true}};
  plugin.info.devices = {DeviceKind::kCuda, DeviceKind::kCpu};
  plugin.info.torch = "2.11";
  plugin.report.needed = {"libc.so.6", "libtorch_cpu.so"};
  return plugin;
}

TEST(PluginReport, SaysWhatThePluginIs) {
  const std::string text = PluginReportText(Sharpener());
  for (const char* words :
       {"sharpener 1.2.3: Sharpens", "image (image), mask (mask, optional)", "outputs    none",
        "cuda, cpu", "2.11", "libc.so.6 libtorch_cpu.so", "is unmapped"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words << " is not in\n" << text;
  }
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const nlohmann::json report = PluginReportJson(Sharpener());
  EXPECT_EQ(report["verdict"], "ok");
  EXPECT_EQ(report["inputs"][1]["optional"], true);
  EXPECT_EQ(report["torch"], "2.11");
}

TEST(PluginReport, SaysWhyItWouldStayMapped) {
  PluginFile plugin = Sharpener();
  plugin.report.verdict = Verdict::kResident;
  plugin.report.residents = {"it was linked with -z nodelete"};
  const std::string text = PluginReportText(plugin);
  EXPECT_NE(text.find("stays mapped"), std::string::npos) << text;
  EXPECT_NE(text.find("because    it was linked"), std::string::npos) << text;
  EXPECT_EQ(PluginReportJson(plugin)["verdict"], "resident");
  EXPECT_EQ(PluginReportJson(plugin)["reasons"].size(), 1U);
}

TEST(PluginReport, WhatIsNoPluginIsAnError) {
  const auto missing = InspectPlugin("/nowhere/at/all.so");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
  EXPECT_FALSE(InspectPlugin("/bin/sh").ok());
}

}  // namespace
}  // namespace darkroom
