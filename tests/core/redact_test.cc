// SPDX-License-Identifier: Apache-2.0

#include "core/redact.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(Redact, HidesWhoWeAre) {
  EXPECT_EQ(WithoutSecrets("nats://user:secret@host:4222"), "nats://***@host:4222");
  EXPECT_EQ(WithoutSecrets("tls://token@host"), "tls://***@host");
  EXPECT_EQ(WithoutSecrets("user:p@ss@host"), "***@host");
}

TEST(Redact, LeavesOtherUrlsAlone) {
  EXPECT_EQ(WithoutSecrets("nats://host:4222"), "nats://host:4222");
  EXPECT_EQ(WithoutSecrets(""), "");
}

}  // namespace
}  // namespace darkroom
