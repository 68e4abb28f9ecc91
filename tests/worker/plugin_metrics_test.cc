// SPDX-License-Identifier: Apache-2.0

#include "worker/plugin_metrics.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using host::MetricKind;

TEST(PluginMetricsTest, CountersGoOnWhenTheInstanceIsLostAndGaugesBeginAnew) {
  PluginMetrics metrics;
  metrics.Take({{MetricKind::kCounter, "tiles", "Tiles run.", 5, 5},
                {MetricKind::kGauge, "depth", "", 3, 2},
                {MetricKind::kHistogram, "seconds", "", 1.5, 3}});
  metrics.Take({{MetricKind::kCounter, "tiles", "", 8, 6}});
  metrics.StartOver();
  EXPECT_EQ(metrics.all().at("tiles").Value(), 8);
  EXPECT_EQ(metrics.all().at("depth").Value(), 0);
  metrics.Take({{MetricKind::kCounter, "tiles", "", 2, 2},
                {MetricKind::kGauge, "depth", "", 7, 1},
                {MetricKind::kHistogram, "seconds", "", 0.5, 1}});
  EXPECT_EQ(metrics.all().at("tiles").Value(), 10);
  EXPECT_EQ(metrics.all().at("tiles").help, "Tiles run.");
  EXPECT_EQ(metrics.all().at("depth").Value(), 7);
  EXPECT_EQ(metrics.all().at("seconds").Value(), 2);
  EXPECT_EQ(metrics.all().at("seconds").Count(), 4U);
}

TEST(PluginMetricsTest, AreSoMany) {
  PluginMetrics metrics;
  for (int i = 0; i < 70; ++i) {
    metrics.Take({{MetricKind::kCounter, "m" + std::to_string(i), "", 1, 1}});
  }
  EXPECT_EQ(metrics.all().size(), 64U);
}

TEST(PluginMetricsTest, AKindStays) {
  PluginMetrics metrics;
  metrics.Take({{MetricKind::kCounter, "m", "", 1, 1}});
  metrics.Take({{MetricKind::kGauge, "m", "", -9, 2}});
  EXPECT_EQ(metrics.all().at("m").Value(), 1);
}

}  // namespace
}  // namespace darkroom
