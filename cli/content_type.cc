// SPDX-License-Identifier: Apache-2.0

#include "cli/content_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "cli/text.h"

namespace darkroom {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 8> kByExtension = {{{"png", "image/png"},
                                               {"jpg", "image/jpeg"},
                                               {"jpeg", "image/jpeg"},
                                               {"webp", "image/webp"},
                                               {"json", "application/json"},
                                               {"cbor", "application/cbor"},
                                               {"txt", "text/plain"},
                                               {"bin", "application/octet-stream"}}};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view Find(std::string_view word) {
  for (const Pair& pair : kByExtension) {
    if (pair.first == word) return pair.second;
  }
  return {};
}

std::string Extension(std::string_view path) {
  const size_t slash = path.find_last_of('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const size_t dot = name.find_last_of('.');
  return dot == std::string_view::npos || dot == 0 ? "" : Lower(name.substr(dot + 1));
}

// UTF-8 without control characters other than the white space of text files.
bool LooksLikeText(std::string_view bytes) {
  // Enough to tell; the cut may fall inside a character, so it is moved back to a whole one.
  constexpr size_t kLook = 4096;
  if (bytes.size() > kLook) {
    size_t end = kLook;
    while (end > 0 && (static_cast<unsigned char>(bytes[end]) & 0xC0U) == 0x80) --end;
    bytes = bytes.substr(0, end);
  }
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t' && byte != '\f') return false;
    if (byte == 0x7F) return false;
  }
  return IsUtf8(bytes);
}

}  // namespace

std::string_view InputContentType(std::string_view bytes, std::string_view path) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") {
    return "image/webp";
  }
  // A name that promises an image is believed, so that the daemon can say what is wrong with the
  // bytes.
  const std::string_view named = Find(Extension(path));
  if (named.starts_with("image/") || named == "text/plain") return named;
  return LooksLikeText(bytes) ? "text/plain" : "application/octet-stream";
}

std::string_view AcceptForPath(std::string_view path) { return Find(Extension(path)); }

Result<std::string> AcceptForWord(std::string_view word) {
  if (const std::string_view known = Find(Lower(word)); !known.empty()) return std::string(known);
  const bool clean =
      std::all_of(word.begin(), word.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7F; });
  if (clean && word.find('/') != std::string_view::npos) return std::string(word);
  return Status::InvalidArgument(fmt::format("--accept {}: no such form of a reply", word),
                                 "one of png, jpg, webp, json, cbor, txt, bin, or a media type "
                                 "such as image/png");
}

std::string MediaType(std::string_view content_type) {
  std::string type = Lower(content_type.substr(0, content_type.find(';')));
  type.erase(type.find_last_not_of(' ') + 1);
  return type;
}

bool IsText(std::string_view media_type) {
  return media_type.starts_with("text/") || IsJson(media_type);
}

bool IsJson(std::string_view media_type) { return media_type == "application/json"; }

}  // namespace darkroom
