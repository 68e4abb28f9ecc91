// SPDX-License-Identifier: Apache-2.0

#include "host/image_kind.h"

#include <algorithm>
#include <array>

#include "host/png_chunks.h"

namespace darkroom::host {
namespace {

struct Beginning {
  std::string_view bytes;
  ImageKind kind;
};

using namespace std::string_view_literals;

constexpr std::array kBeginnings = {
    Beginning{"\xff\xd8\xff"sv, {"JPEG", true, ImageFormat::kJpeg}},
    Beginning{kPngSignature, {"PNG", true, ImageFormat::kPng}},
    Beginning{"GIF8"sv, {"GIF", true, {}}},
    Beginning{"II*\0"sv, {"TIFF", true, {}}},
    Beginning{"MM\0*"sv, {"TIFF", true, {}}},
    Beginning{"II+\0"sv, {"TIFF", true, {}}},
    Beginning{"MM\0+"sv, {"TIFF", true, {}}},
    Beginning{"\xff\x0a"sv, {"JPEG XL", true, {}}},
    Beginning{"\0\0\0\x0cJXL "sv, {"JPEG XL", true, {}}},
    Beginning{"\0\0\0\x0cjP  "sv, {"JPEG 2000", true, {}}},
    Beginning{"\xff\x4f\xff\x51"sv, {"JPEG 2000", true, {}}},
    Beginning{"8BPS"sv, {"Photoshop (PSD)", true, {}}},
    Beginning{"\0\0\x01\0"sv, {"icon (ICO)", true, {}}},
    Beginning{"qoif"sv, {"QOI", true, {}}},
    Beginning{"v/1\x01"sv, {"OpenEXR", true, {}}},
    Beginning{"#?RADIANCE"sv, {"Radiance HDR", true, {}}},
    Beginning{"<svg"sv, {"SVG", true, {}}},
    Beginning{"%PDF"sv, {"PDF", false, {}}},
    Beginning{"PK\x03\x04"sv, {"ZIP", false, {}}},
    Beginning{"<?xml"sv, {"XML", false, {}}},
    Beginning{"<!DOCTYPE"sv, {"HTML", false, {}}},
    Beginning{"<html"sv, {"HTML", false, {}}},
};

// ISO base media files, "....ftyp" and a brand, hold AVIF, HEIC and films.
ImageKind KindOfBrand(std::string_view brand) {
  if (brand == "avif" || brand == "avis") return {"AVIF", true, {}};
  constexpr std::array kHeic = {"heic"sv, "heix"sv, "heim"sv, "heis"sv,
                                "hevc"sv, "hevx"sv, "mif1"sv, "msf1"sv};
  if (std::ranges::find(kHeic, brand) != kHeic.end()) return {"HEIC", true, {}};
  return {"MP4", false, {}};
}

bool IsPrintable(char c) { return c == '\n' || c == '\r' || c == '\t' || (c >= ' ' && c <= '~'); }

}  // namespace

ImageKind RecogniseKind(Bytes bytes) {
  const std::string_view text = AsText(bytes.first(std::min(bytes.size(), size_t{32})));
  for (const Beginning& beginning : kBeginnings) {
    if (text.starts_with(beginning.bytes)) return beginning.kind;
  }
  if (text.starts_with("RIFF") && text.size() >= 12) {
    if (text.substr(8, 4) == "WEBP") return {"WebP", true, ImageFormat::kWebp};
    return {"RIFF (sound or film)", false, {}};
  }
  if (text.size() >= 12 && text.substr(4, 4) == "ftyp") return KindOfBrand(text.substr(8, 4));
  // Two letters are not enough: a bitmap also has four reserved zero bytes.
  if (text.size() >= 10 && text.starts_with("BM") && text.substr(6, 4) == "\0\0\0\0"sv) {
    return {"BMP", true, {}};
  }
  if (text.starts_with("{") || text.starts_with("[")) return {"JSON", false, {}};
  if (!text.empty() && std::ranges::all_of(text, IsPrintable)) return {"text", false, {}};
  return {};
}

}  // namespace darkroom::host
