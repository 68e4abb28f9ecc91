// SPDX-License-Identifier: Apache-2.0

#include "core/base64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace darkroom {
namespace {

using ::testing::HasSubstr;

std::string Decoded(std::string_view text) {
  Result<Buffer> decoded = Base64Decode(text);
  EXPECT_TRUE(decoded.ok()) << text << ": " << decoded.status().ToString();
  return decoded.ok() ? std::string(AsText(decoded->bytes())) : "";
}

TEST(Base64, GivesTheVectorsOfTheRfc) {
  const std::pair<std::string, std::string> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(Base64Encode(AsBytes(plain)), encoded);
    EXPECT_EQ(Decoded(encoded), plain);
  }
}

TEST(Base64, BringsBackAnyBytesOfAnyLength) {
  std::mt19937 random(7);
  for (size_t length = 0; length < 200; ++length) {
    std::string plain(length, '\0');
    for (char& c : plain) c = static_cast<char>(random() & 0xFFU);
    EXPECT_EQ(Decoded(Base64Encode(AsBytes(plain))), plain);
  }
}

TEST(Base64, AppendsBehindWhatIsThere) {
  std::string text = "data:";
  Base64Append(AsBytes("foo"), &text);
  EXPECT_EQ(text, "data:Zm9v");
}

TEST(Base64, RefusesWhatIsNotExact) {
  for (const std::string_view text :
       {"Zg", "Zg=", "Zg===", "Z", "Zm9v\n", "Zm9v Zm8", " Zm8", "Zm9_", "Zm9-",
        "Zm\xC3\xA4=", "====", "Z===", "=m9v", "Zm=v", "Zg==Zm9v", "Zm8=Zm9v", "Zh==", "Zm9="}) {
    const Result<Buffer> decoded = Base64Decode(text);
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(decoded.status().code(), Code::kInvalidArgument);
  }
}

TEST(Base64, SaysWhereItGoesWrong) {
  EXPECT_THAT(Base64Decode("AAAAAA!A").status().message(), HasSubstr("at byte 6"));
  EXPECT_THAT(Base64Decode("AAAAA").status().message(), HasSubstr("length, 5"));
  EXPECT_THAT(Base64Decode("Zh==").status().message(), HasSubstr("behind the last byte"));
}

}  // namespace
}  // namespace darkroom
