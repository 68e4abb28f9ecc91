// SPDX-License-Identifier: Apache-2.0

#include "cli/content_type.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using namespace std::string_view_literals;

TEST(ContentType, BytesDecideBeforeTheName) {
  EXPECT_EQ(InputContentType("\x89PNG\r\n\x1a\n..."sv, "photo.jpg"), "image/png");
  EXPECT_EQ(InputContentType("\xff\xd8\xff\xe0"sv, ""), "image/jpeg");
  EXPECT_EQ(InputContentType("RIFF\x10\0\0\0WEBPVP8 "sv, "x.bin"), "image/webp");
  EXPECT_EQ(InputContentType("RIFF\x10\0\0\0WAVEfmt "sv, ""), "application/octet-stream");
}

TEST(ContentType, ANameThatPromisesAnImageIsBelieved) {
  EXPECT_EQ(InputContentType("broken", "photo.JPG"), "image/jpeg");
  EXPECT_EQ(InputContentType("", "photo.png"), "image/png");
}

TEST(ContentType, AnInputIsNeverAWholeRequest) {
  EXPECT_EQ(InputContentType(R"({"params": {}})", "input.json"), "text/plain");
  EXPECT_EQ(InputContentType("\xa1\x61\x61\x01"sv, "input.cbor"), "application/octet-stream");
}

TEST(ContentType, TextIsUtf8WithoutControlCharacters) {
  EXPECT_EQ(InputContentType("a red cat\n", ""), "text/plain");
  EXPECT_EQ(InputContentType("ein Bär", "-"), "text/plain");
  EXPECT_EQ(InputContentType("a\0b"sv, ""), "application/octet-stream");
  EXPECT_EQ(InputContentType("\xe4\xf6\xfc"sv, ""), "application/octet-stream");
}

TEST(ContentType, ALongTextIsNotCutInsideACharacter) {
  std::string text;
  while (text.size() < 10'000) text += "€";
  for (size_t shift = 0; shift < 3; ++shift) {
    EXPECT_EQ(InputContentType(std::string(shift, 'a') + text, ""), "text/plain") << shift;
  }
}

TEST(ContentType, TheOutputsExtensionChoosesTheForm) {
  EXPECT_EQ(AcceptForPath("better.png"), "image/png");
  EXPECT_EQ(AcceptForPath("a.b/better.JPEG"), "image/jpeg");
  EXPECT_EQ(AcceptForPath("better.webp"), "image/webp");
  EXPECT_EQ(AcceptForPath("out.json"), "application/json");
  EXPECT_EQ(AcceptForPath("out.cbor"), "application/cbor");
  EXPECT_EQ(AcceptForPath("out.txt"), "text/plain");
  EXPECT_EQ(AcceptForPath("out"), "");
  EXPECT_EQ(AcceptForPath("folder.png/out"), "");
  EXPECT_EQ(AcceptForPath(".png"), "");
  EXPECT_EQ(AcceptForPath("-"), "");
}

TEST(ContentType, AcceptTakesWordsAndMediaTypes) {
  EXPECT_EQ(*AcceptForWord("png"), "image/png");
  EXPECT_EQ(*AcceptForWord("image/webp;q=0.5, */*"), "image/webp;q=0.5, */*");
  EXPECT_EQ(AcceptForWord("gif").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(AcceptForWord("image/png\r\nX: y").status().code(), Code::kInvalidArgument);
}

TEST(ContentType, MediaTypesWithoutParameters) {
  EXPECT_EQ(MediaType("Text/Plain ; charset=utf-8"), "text/plain");
  EXPECT_TRUE(IsText("text/plain"));
  EXPECT_TRUE(IsText("application/json"));
  EXPECT_FALSE(IsText("image/png"));
}

}  // namespace
}  // namespace darkroom
