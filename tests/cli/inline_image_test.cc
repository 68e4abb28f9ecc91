// SPDX-License-Identifier: Apache-2.0

#include "cli/inline_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/base64.h"

namespace darkroom {
namespace {

using testing::HasSubstr;

// How a terminal with these variables shows pictures: "kitty", "iterm", or why it does not.
std::string Detected(const std::map<std::string, std::string>& variables, bool terminal = true) {
  Terminal output;
  output.output = terminal;
  const auto detected = DetectPictures(output, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
  if (!detected.ok()) return detected.status().message();
  return *detected == PictureProtocol::kKitty ? "kitty" : "iterm";
}

TEST(InlineImage, KnowsTheTerminals) {
  EXPECT_EQ(Detected({{"TERM", "xterm-kitty"}}), "kitty");
  EXPECT_EQ(Detected({{"TERM", "xterm"}, {"KITTY_WINDOW_ID", "1"}}), "kitty");
  EXPECT_EQ(Detected({{"TERM", "xterm-ghostty"}}), "kitty");
  EXPECT_EQ(Detected({{"TERM_PROGRAM", "iTerm.app"}}), "iterm");
  EXPECT_EQ(Detected({{"LC_TERMINAL", "iTerm2"}}), "iterm");
  EXPECT_EQ(Detected({{"TERM_PROGRAM", "WezTerm"}}), "iterm");
  EXPECT_EQ(Detected({{"KONSOLE_VERSION", "230400"}}), "iterm");
  EXPECT_THAT(Detected({{"TERM", "xterm-256color"}}), HasSubstr("not known"));
  EXPECT_THAT(Detected({}), HasSubstr("not known"));
  EXPECT_THAT(Detected({{"TERM", "xterm-kitty"}}, false), HasSubstr("no terminal"));
  EXPECT_THAT(Detected({{"TERM", "tmux-256color"}, {"LC_TERMINAL", "iTerm2"}}), HasSubstr("tmux"));
  EXPECT_THAT(Detected({{"TMUX", "/tmp/x"}, {"KITTY_WINDOW_ID", "1"}}), HasSubstr("tmux"));
}

std::string Png(uint32_t width, size_t size) {
  std::string png(size, 'x');
  for (size_t i = 0; i < 4; ++i) png[16 + i] = static_cast<char>(width >> (24 - 8 * i) & 0xFF);
  return png;
}

TEST(InlineImage, KittyTakesPngInPieces) {
  const std::string png = Png(100, 10'000);
  const auto text = InlinePicture(PictureProtocol::kKitty, "image/png", png, 80);
  ASSERT_TRUE(text.ok());
  std::string data;
  size_t pieces = 0;
  std::string_view left = *text;
  while (left != "\n") {
    ASSERT_TRUE(left.starts_with("\x1b_G"));
    const size_t semicolon = left.find(';');
    const size_t end = left.find("\x1b\\");
    const std::string_view keys = left.substr(3, semicolon - 3);
    const std::string_view piece = left.substr(semicolon + 1, end - semicolon - 1);
    left.remove_prefix(end + 2);
    EXPECT_EQ(keys.substr(keys.size() - 3), left == "\n" ? "m=0" : "m=1");
    EXPECT_EQ(keys.starts_with("a=T,f=100,q=2"), pieces == 0);
    EXPECT_LE(piece.size(), 4096U);
    EXPECT_TRUE(left == "\n" || piece.size() % 4 == 0) << piece.size();
    data += piece;
    ++pieces;
  }
  EXPECT_EQ(pieces, 4U);
  EXPECT_EQ(data, Base64Encode(AsBytes(png)));
}

TEST(InlineImage, WhatIsWideIsMadeToFit) {
  const auto text = [](uint32_t width) {
    return *InlinePicture(PictureProtocol::kKitty, "image/png", Png(width, 100), 80);
  };
  EXPECT_THAT(text(4000), HasSubstr(",c=80,m=0;"));
  EXPECT_THAT(text(100), HasSubstr("q=2,m=0;"));
}

TEST(InlineImage, ITermTakesWhatItCanDecode) {
  EXPECT_EQ(*InlinePicture(PictureProtocol::kITerm, "image/jpeg", "abc", 80),
            "\x1b]1337;File=inline=1;size=3;preserveAspectRatio=1:YWJj\a\n");
}

TEST(InlineImage, SaysWhatCannotBeShown) {
  const auto jpeg = InlinePicture(PictureProtocol::kKitty, "image/jpeg", "abc", 80);
  EXPECT_THAT(jpeg.status().ToString(), HasSubstr("--accept png"));
  const auto bytes = InlinePicture(PictureProtocol::kITerm, "application/octet-stream", "abc", 80);
  EXPECT_THAT(bytes.status().ToString(), HasSubstr("no picture"));
}

}  // namespace
}  // namespace darkroom
