// SPDX-License-Identifier: Apache-2.0

#include "message/nkey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace darkroom {
namespace {

using testing::HasSubstr;

// The first vector of RFC 8032 (Ed25519), 7.1, in the form of NATS: another program wrote it so.
constexpr const char* kSeed = "SUAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YALCA";
constexpr const char* kPublic = "UDLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRUVAL";

TEST(PublicNkeyTest, IsThatOfTheSeed) {
  const auto key = PublicNkey(kSeed);
  ASSERT_TRUE(key.ok()) << key.status().ToString();
  EXPECT_EQ(*key, kPublic);
}

TEST(PublicNkeyTest, FindsTheSeedBetweenWhatOthersWriteAroundIt) {
  const auto key = PublicNkey(std::string("-----BEGIN USER NKEY SEED-----\r\n") + kSeed +
                              " \r\n------END USER NKEY SEED------\n");
  ASSERT_TRUE(key.ok()) << key.status().ToString();
  EXPECT_EQ(*key, kPublic);
}

TEST(PublicNkeyTest, ATypingErrorIsNoticed) {
  for (size_t at = 2; at < std::string(kSeed).size(); ++at) {
    std::string wrong = kSeed;
    wrong[at] = wrong[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(PublicNkey(wrong).ok()) << at;
  }
}

TEST(PublicNkeyTest, WhatIsNoSeedIsSaidToBeNone) {
  EXPECT_THAT(PublicNkey("").status().message(), HasSubstr("no user's nkey seed"));
  EXPECT_THAT(PublicNkey(kPublic).status().message(), HasSubstr("no user's nkey seed"));
  EXPECT_THAT(PublicNkey("SUAB").status().message(), HasSubstr("cut or garbled"));
  EXPECT_THAT(PublicNkey("SU1890").status().message(), HasSubstr("cut or garbled"));
}

}  // namespace
}  // namespace darkroom
