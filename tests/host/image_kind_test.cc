// SPDX-License-Identifier: Apache-2.0

#include "host/image_kind.h"

#include <gtest/gtest.h>

#include <string>

namespace darkroom::host {
namespace {

using namespace std::string_view_literals;

TEST(ImageKind, NamesWhatItSees) {
  const struct {
    std::string_view bytes;
    std::string_view name;
    bool image;
  } kCases[] = {
      {"\xff\xd8\xff\xe0"sv, "JPEG", true},
      {"\x89PNG\r\n\x1a\n\0\0"sv, "PNG", true},
      {"RIFF\x10\0\0\0WEBPVP8 "sv, "WebP", true},
      {"RIFF\x10\0\0\0WAVEfmt "sv, "RIFF (sound or film)", false},
      {"GIF89a\1\0\1\0"sv, "GIF", true},
      {"II*\0\x08\0\0\0"sv, "TIFF", true},
      {"MM\0*\0\0\0\x08"sv, "TIFF", true},
      {"BM\x46\0\0\0\0\0\0\0\x36"sv, "BMP", true},
      {"\0\0\0\x1c"
       "ftypavif\0\0\0\0"sv,
       "AVIF", true},
      {"\0\0\0\x18"
       "ftypheic\0\0\0\0"sv,
       "HEIC", true},
      {"\0\0\0\x18"
       "ftypmif1\0\0\0\0"sv,
       "HEIC", true},
      {"\0\0\0\x18"
       "ftypisom\0\0\0\0"sv,
       "MP4", false},
      {"\xff\x0a\x01\x02"sv, "JPEG XL", true},
      {"\0\0\0\x0cJXL \r\n\x87\n"sv, "JPEG XL", true},
      {"\0\0\0\x0cjP  \r\n\x87\n"sv, "JPEG 2000", true},
      {"%PDF-1.7"sv, "PDF", false},
      {"<svg xmlns='http://www.w3.org/2000/svg'>"sv, "SVG", true},
      {"<!DOCTYPE html>"sv, "HTML", false},
      {"{\"params\":{}}"sv, "JSON", false},
      {"BM is how this text begins"sv, "text", false},
      {"hello"sv, "text", false},
  };
  for (const auto& expected : kCases) {
    const ImageKind kind = RecogniseKind(AsBytes(expected.bytes));
    EXPECT_EQ(kind.name, expected.name);
    EXPECT_EQ(kind.image, expected.image) << expected.name;
  }
}

TEST(ImageKind, KnowsNothingOfShortOrOtherBytes) {
  EXPECT_EQ(RecogniseKind({}).name, "");
  EXPECT_EQ(RecogniseKind(AsBytes("\xff\xd8"sv)).name, "");
  EXPECT_EQ(RecogniseKind(AsBytes("\x01\x02\x03\x04"sv)).name, "");
}

TEST(ImageKind, HasAFormatForExactlyThree) {
  EXPECT_EQ(RecogniseKind(AsBytes("\xff\xd8\xff"sv)).format, ImageFormat::kJpeg);
  EXPECT_EQ(RecogniseKind(AsBytes("\x89PNG\r\n\x1a\n"sv)).format, ImageFormat::kPng);
  EXPECT_EQ(RecogniseKind(AsBytes("RIFF\0\0\0\0WEBP"sv)).format, ImageFormat::kWebp);
  EXPECT_FALSE(RecogniseKind(AsBytes("GIF89a"sv)).format.has_value());
}

}  // namespace
}  // namespace darkroom::host
