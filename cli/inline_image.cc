// SPDX-License-Identifier: Apache-2.0

#include "cli/inline_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "core/base64.h"

namespace darkroom {
namespace {

// Of kitty's protocol: no piece of the data may be longer, and all but the last are a multiple
// of 4.
constexpr size_t kPiece = 4096;
// Wider than any cell: a picture of no more than so many pixels a column fits as it is.
constexpr size_t kNarrowCell = 6;

// The width that a PNG's header tells; 0: it has none.
size_t PngWidth(std::string_view png) {
  constexpr size_t kWidthAt = 16;
  if (png.size() < kWidthAt + 4) return 0;
  size_t width = 0;
  for (size_t i = 0; i < 4; ++i) {
    width = width << 8U | static_cast<unsigned char>(png[kWidthAt + i]);
  }
  return width;
}

std::string Kitty(std::string_view png, size_t columns) {
  const std::string data = Base64Encode(AsBytes(png));
  // Shown where the cursor is, without an answer that nobody reads.
  std::string keys = "a=T,f=100,q=2";
  if (PngWidth(png) > columns * kNarrowCell) keys += fmt::format(",c={}", columns);
  std::string text;
  for (size_t at = 0; at < data.size(); at += kPiece) {
    const bool more = at + kPiece < data.size();
    text += fmt::format("\x1b_G{}{}m={};{}\x1b\\", at == 0 ? keys : "", at == 0 ? "," : "",
                        more ? "1" : "0", std::string_view(data).substr(at, kPiece));
  }
  return text + "\n";
}

std::string ITerm(std::string_view bytes) {
  return fmt::format("\x1b]1337;File=inline=1;size={};preserveAspectRatio=1:{}\a\n", bytes.size(),
                     Base64Encode(AsBytes(bytes)));
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<PictureProtocol> DetectPictures(const Terminal& terminal, const Environment& environment) {
  if (!terminal.output) {
    return Status::InvalidArgument("standard output is no terminal",
                                   "write the picture to a file: -o FILE");
  }
  const std::string term = environment("TERM");
  if (!environment("TMUX").empty() || term.starts_with("tmux") || term.starts_with("screen")) {
    return Status::InvalidArgument("tmux and screen keep pictures from the terminal",
                                   "run it outside of them, or write to a file: -o FILE");
  }
  const std::string program = environment("TERM_PROGRAM");
  if (!environment("KITTY_WINDOW_ID").empty() || term == "xterm-kitty" || term == "xterm-ghostty" ||
      program == "ghostty") {
    return PictureProtocol::kKitty;
  }
  if (program == "iTerm.app" || program == "WezTerm" || program == "mintty" ||
      environment("LC_TERMINAL") == "iTerm2" || !environment("KONSOLE_VERSION").empty()) {
    return PictureProtocol::kITerm;
  }
  return Status::InvalidArgument(
      "this terminal is not known to show pictures",
      "kitty, Ghostty, iTerm2, WezTerm, mintty and Konsole do; or write to a file: -o FILE");
}

Result<PictureProtocol> DetectPictures(const Terminal& terminal) {
  return DetectPictures(terminal, Variable);
}

Result<std::string> InlinePicture(PictureProtocol protocol, std::string_view type,
                                  std::string_view bytes, size_t columns) {
  if (!type.starts_with("image/")) {
    return Status::InvalidArgument(fmt::format("the result is {}, no picture", type));
  }
  if (protocol == PictureProtocol::kITerm) return ITerm(bytes);
  if (type != "image/png") {
    return Status::InvalidArgument(
        fmt::format("the result is {}, and this terminal shows PNG", type),
        "ask for that: --accept png, or -o FILE.png");
  }
  return Kitty(bytes, columns);
}

}  // namespace darkroom
