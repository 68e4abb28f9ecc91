// SPDX-License-Identifier: Apache-2.0

#include "core/gate.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

TEST(Gate, CallsBackWhenTheLastOneLeaves) {
  Gate gate;
  int calls = 0;
  ASSERT_TRUE(gate.Enter());
  ASSERT_TRUE(gate.Enter());
  gate.Close([&] { ++calls; });
  EXPECT_FALSE(gate.Enter());
  gate.Leave();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(gate.inside(), 1U);
  gate.Leave();
  EXPECT_EQ(calls, 1);
}

TEST(Gate, CallsBackAtOnceWhenNobodyIsInside) {
  Gate gate;
  ASSERT_TRUE(gate.Enter());
  gate.Leave();
  int calls = 0;
  gate.Close([&] { ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(gate.closed());
}

}  // namespace
}  // namespace darkroom
