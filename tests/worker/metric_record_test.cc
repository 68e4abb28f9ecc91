// SPDX-License-Identifier: Apache-2.0

#include "worker/metric_record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace darkroom {
namespace {

using host::MetricKind;
using host::MetricValue;

// What is read of what was written; nothing: it was refused.
std::vector<MetricValue> Through(const std::vector<MetricValue>& values) {
  std::vector<std::byte> packet;
  WriteMetrics(&packet, 7, values);
  RecordReader reader{Bytes(packet)};
  RecordHead head{};
  RecordReader body{Bytes()};
  EXPECT_TRUE(reader.Next(&head, &body));
  EXPECT_EQ(head.kind, RecordKind::kMetrics);
  EXPECT_EQ(head.about, 7U);
  std::vector<MetricValue> read;
  if (!ReadMetrics(&body, &read)) return {};
  return read;
}

TEST(MetricRecordTest, Crosses) {
  const auto read = Through({{MetricKind::kCounter, "tiles", "Tiles run.", 3.5, 7},
                             {MetricKind::kGauge, "depth", "", -2, 1},
                             {MetricKind::kHistogram, "seconds", std::string(5000, 'x'), 9, 4}});
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[0].kind, MetricKind::kCounter);
  EXPECT_EQ(read[0].name, "tiles");
  EXPECT_EQ(read[0].help, "Tiles run.");
  EXPECT_EQ(read[0].value, 3.5);
  EXPECT_EQ(read[0].count, 7U);
  EXPECT_EQ(read[1].value, -2);
  EXPECT_LT(read[2].help.size(), 250U);
}

TEST(MetricRecordTest, AsManyAsThereMayBeFitIntoAPacket) {
  std::vector<MetricValue> values;
  for (int i = 0; i < 64; ++i) {
    values.push_back({MetricKind::kCounter, std::string(60, 'n') + "_" + std::to_string(i),
                      std::string(5000, 'h'), 1, 1});
  }
  std::vector<std::byte> packet;
  WriteMetrics(&packet, 1, values);
  EXPECT_LT(packet.size(), kMaxPacket);
  EXPECT_EQ(Through(values).size(), 64U);
  values.push_back({MetricKind::kCounter, "one_more", "", 1, 1});
  EXPECT_TRUE(Through(values).empty());
}

TEST(MetricRecordTest, WhatNoHostWouldSayIsRefused) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const MetricValue& wrong : {MetricValue{MetricKind::kCounter, "Tiles", "", 1, 1},
                                   MetricValue{MetricKind::kCounter, "a{b=\"c\"}", "", 1, 1},
                                   MetricValue{MetricKind::kCounter, "", "", 1, 1},
                                   MetricValue{MetricKind::kCounter, "c", "", -1, 1},
                                   MetricValue{MetricKind::kGauge, "g", "", kInfinity, 1},
                                   MetricValue{MetricKind::kGauge, "g", "", std::nan(""), 1},
                                   MetricValue{static_cast<MetricKind>(3), "g", "", 1, 1}}) {
    EXPECT_TRUE(Through({wrong}).empty()) << wrong.name;
  }
}

}  // namespace
}  // namespace darkroom
