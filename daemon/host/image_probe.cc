// SPDX-License-Identifier: Apache-2.0

#include "host/image_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "host/byte_reader.h"
#include "host/exif.h"
#include "host/image_kind.h"
#include "host/png_chunks.h"

namespace darkroom::host {
namespace {

Status HeaderCut(ImageFormat format) {
  return Status::InvalidArgument(
      fmt::format("the {} image ends or is damaged within its header", FormatName(format)),
      "the file was probably cut on its way; send all of it");
}

// jpeg    := FF D8 segment* ...
// segment := FF+ marker u16=length(with these two bytes) data
//
// Markers 01 and D0 to D9 stand alone; DA (scan) ends the header. Frame headers are C0 to CF
// without C4, C8 and CC.
bool IsFrameHeader(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

Result<ImageInfo> ProbeJpeg(Bytes bytes) {
  ImageInfo info;
  info.format = ImageFormat::kJpeg;
  bool framed = false;
  bool oriented = false;
  ByteReader reader(bytes, ByteReader::Order::kBig);
  reader.Skip(2);
  while (reader.ok()) {
    if (reader.U8() != 0xFF) continue;  // like libjpeg, step over what does not belong there
    uint8_t marker = 0xFF;
    while (marker == 0xFF && reader.ok()) marker = reader.U8();
    if (marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8)) continue;
    if (marker == 0xDA || marker == 0xD9) break;
    const uint16_t length = reader.U16();
    if (length < 2) return HeaderCut(info.format);
    const Bytes data = reader.Take(length - size_t{2});
    if (!reader.ok()) break;
    if (marker == 0xE1 && !oriented && AsText(data).starts_with("Exif")) {
      info.orientation = ExifOrientation(data);
      oriented = true;
    } else if (IsFrameHeader(marker) && !framed) {
      ByteReader frame(data, ByteReader::Order::kBig);
      info.bits = frame.U8();
      info.height = frame.U16();
      info.width = frame.U16();
      // CMYK becomes RGB.
      info.channels = frame.U8() == 1 ? 1 : 3;
      framed = frame.ok();
    }
  }
  if (!framed) return HeaderCut(info.format);
  return info;
}

// IHDR := u32=width u32=height u8=bits u8=colour ...; colour: 0 grey, 2 RGB, 3 palette, 4 grey and
// alpha, 6 RGBA
Result<ImageInfo> ProbePng(Bytes bytes) {
  ImageInfo info;
  info.format = ImageFormat::kPng;
  PngChunks chunks(bytes);
  PngChunk chunk;
  if (!chunks.Next(&chunk) || chunk.type != "IHDR" || chunk.data.size() != 13) {
    return HeaderCut(info.format);
  }
  ByteReader header(chunk.data, ByteReader::Order::kBig);
  info.width = header.U32();
  info.height = header.U32();
  info.bits = header.U8();
  const uint8_t colour = header.U8();
  const bool grey = (colour & 2) == 0;
  bool alpha = (colour & 4) != 0;
  while (chunks.Next(&chunk)) {
    if (chunk.type == "tRNS") alpha = true;
    if (chunk.type == "eXIf") info.orientation = ExifOrientation(chunk.data);
    if (chunk.type == "acTL") info.frames = ByteReader(chunk.data, ByteReader::Order::kBig).U32();
  }
  info.channels = (grey ? 1U : 3U) + (alpha ? 1U : 0U);
  return info;
}

// webp  := "RIFF" u32=size "WEBP" chunk*
// chunk := type[4] u32=length data [one byte of padding where length is odd], little-endian
// VP8X  := u8=flags 0 0 0 u24=width-1 u24=height-1; flags: 2 animated, 16 alpha
// VP8L  := 2F u32=(width-1 | height-1 << 14 | alpha << 28)
// "VP8 " := u24=tag 9D 01 2A u16=width u16=height, each with two bits of scale on top
Result<ImageInfo> ProbeWebp(Bytes bytes) {
  constexpr uint32_t kSide = 0x3FFF;
  ImageInfo info;
  info.format = ImageFormat::kWebp;
  info.channels = 3;
  uint32_t animated_frames = 0;
  ByteReader reader(bytes, ByteReader::Order::kLittle);
  reader.Skip(12);
  while (reader.ok() && reader.left() >= 8) {
    const std::string_view type = AsText(reader.Take(4));
    const uint32_t length = reader.U32();
    // Only the beginning of a chunk is looked at, so that one which is cut still tells its sizes.
    const Bytes data = reader.Take(std::min<size_t>(length, reader.left()));
    if (length % 2 != 0 && reader.left() > 0) reader.Skip(1);
    ByteReader fields(data, ByteReader::Order::kLittle);
    if (type == "VP8X") {
      const uint32_t flags = fields.U32();
      info.width = fields.U24() + 1;
      info.height = fields.U24() + 1;
      info.channels = (flags & 16) != 0 ? 4 : 3;
      if (!fields.ok()) return HeaderCut(info.format);
    } else if (type == "VP8L" && info.width == 0) {
      fields.Skip(1);
      const uint32_t packed = fields.U32();
      info.width = (packed & kSide) + 1;
      info.height = (packed >> 14 & kSide) + 1;
      info.channels = (packed >> 28 & 1) != 0 ? 4 : 3;
      if (!fields.ok()) return HeaderCut(info.format);
    } else if (type == "VP8 " && info.width == 0) {
      fields.Skip(6);
      info.width = fields.U16() & kSide;
      info.height = fields.U16() & kSide;
      if (!fields.ok()) return HeaderCut(info.format);
    } else if (type == "ANMF") {
      ++animated_frames;
    } else if (type == "EXIF") {
      info.orientation = ExifOrientation(data);
    }
  }
  if (info.width == 0) return HeaderCut(info.format);
  if (animated_frames > 0) info.frames = animated_frames;
  return info;
}

std::string FirstBytes(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes.first(std::min(bytes.size(), size_t{8}))) {
    fmt::format_to(std::back_inserter(text), "{}{:02x}", text.empty() ? "" : " ",
                   std::to_integer<unsigned>(byte));
  }
  return text;
}

}  // namespace

Result<ImageInfo> ProbeImage(Bytes bytes) {
  const ImageKind kind = RecogniseKind(bytes);
  if (kind.format == ImageFormat::kJpeg) return ProbeJpeg(bytes);
  if (kind.format == ImageFormat::kPng) return ProbePng(bytes);
  if (kind.format == ImageFormat::kWebp) return ProbeWebp(bytes);
  constexpr const char* kHint = "send JPEG, PNG or WebP";
  if (bytes.empty()) return Status::InvalidArgument("the image is empty: 0 bytes", kHint);
  if (kind.name.empty()) {
    return Status::InvalidArgument(fmt::format("the {} bytes are no image: they begin with {}",
                                               bytes.size(), FirstBytes(bytes)),
                                   kHint);
  }
  if (kind.image) {
    return Status::InvalidArgument(fmt::format("{} images are not read here", kind.name), kHint);
  }
  return Status::InvalidArgument(
      fmt::format("the {} bytes are no image but {}", bytes.size(), kind.name), kHint);
}

bool LooksLikeImage(Bytes bytes) { return RecogniseKind(bytes).image; }

}  // namespace darkroom::host
