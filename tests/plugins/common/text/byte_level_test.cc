// SPDX-License-Identifier: Apache-2.0

#include "common/text/byte_level.h"

#include <gtest/gtest.h>

#include <set>

namespace darkroom {
namespace {

TEST(ByteLevel, GivesEachByteItsOwnCharacterAndBack) {
  std::set<std::string> seen;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string character = ByteLevelCharacter(static_cast<unsigned char>(byte));
    EXPECT_EQ(ByteLevelBytes(character), std::string(1, static_cast<char>(byte))) << byte;
    seen.insert(character);
  }
  EXPECT_EQ(seen.size(), 256u);
}

TEST(ByteLevel, WritesASpaceAsGpt2Does) { EXPECT_EQ(ByteLevelCharacter(' '), "\u0120"); }

TEST(ByteLevel, TakesAForeignTokenAsItIs) { EXPECT_EQ(ByteLevelBytes("\u4f60 a"), "\u4f60 a"); }

TEST(ByteLevel, JoinsACharacterThatIsSpreadOverTokens) {
  EXPECT_EQ(DecodeByteLevel({"\u00e2", "\u0124\u00ac"}), "\u20ac");
  EXPECT_EQ(DecodeByteLevel({"\u00e2", "a"}), "\ufffda");
}

}  // namespace
}  // namespace darkroom
