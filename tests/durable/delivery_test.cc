// SPDX-License-Identifier: Apache-2.0

#include "durable/delivery.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

constexpr int64_t kMs = 1'763'733'600'100;

int64_t MsOf(const Delivery& delivery) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(delivery.stored.time_since_epoch())
      .count();
}

TEST(Delivery, IsReadFromBothFormsOfItsSubject) {
  for (const char* subject : {
           "$JS.ACK.JOBS.bulk-echo.3.17.5.1763733600100000000.2",
           "$JS.ACK.hub.AB12.JOBS.bulk-echo.3.17.5.1763733600100000000.2",
           "$JS.ACK._.AB12.JOBS.bulk-echo.3.17.5.1763733600100000000.2.token",
           "$JS.ACK._.AB12.JOBS.bulk-echo.3.17.5.1763733600100000000.2.token.more",
       }) {
    const auto delivery = Delivery::Parse(subject);
    ASSERT_TRUE(delivery) << subject;
    EXPECT_EQ(delivery->ack, subject);
    EXPECT_EQ(delivery->delivered, 3U);
    EXPECT_EQ(delivery->sequence, 17U);
    EXPECT_EQ(MsOf(*delivery), kMs);
  }
}

TEST(Delivery, WhatIsNoDeliveryIsToldApart) {
  for (const char* subject : {
           "",
           "_INBOX.a.b",
           "$JS.ACK",
           "$JS.ACK.JOBS.bulk-echo.3.17.5.1763733600100000000",
           "$JS.ACK.x.JOBS.bulk-echo.3.17.5.1763733600100000000.2",
           "$JS.ACK.JOBS.bulk-echo.three.17.5.1763733600100000000.2",
           "$JS.ACK.JOBS.bulk-echo.3.17x.5.1763733600100000000.2",
           "$JS.ACK.JOBS.bulk-echo.3.17.5..2",
           "$JS.NAK.JOBS.bulk-echo.3.17.5.1763733600100000000.2",
       }) {
    EXPECT_FALSE(Delivery::Parse(subject)) << subject;
  }
}

}  // namespace
}  // namespace darkroom
