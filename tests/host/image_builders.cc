// SPDX-License-Identifier: Apache-2.0

#include "tests/host/image_builders.h"

#include <zlib.h>

#include "host/png_chunks.h"

namespace darkroom::host {
namespace {

uint32_t Checksum(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

Image MakePicture(uint32_t width, uint32_t height, uint32_t channels) {
  Image image = MakeImage(width, height, channels);
  for (uint32_t y = 0; y < height; ++y) {
    std::byte* row = image.row(y);
    for (uint32_t x = 0; x < width; ++x) {
      for (uint32_t c = 0; c < channels; ++c) {
        const uint32_t slope = x * (3 + c) + y * (5 - c) + 40 * c;
        *row++ = static_cast<std::byte>((slope + (x * y * 7 + c) % 5) % 256);
      }
    }
  }
  return image;
}

std::string MakeIcc(std::string_view space, size_t size) {
  std::string icc(size, '\0');
  icc.replace(0, 4, BigEndian(static_cast<uint32_t>(size), 4));
  icc.replace(16, 4, space);
  icc.replace(36, 4, "acsp");
  for (size_t i = 128; i < size; ++i) icc[i] = static_cast<char>(i * 31 % 251);
  return icc;
}

std::string MakeExif(int orientation, bool big_endian) {
  const auto number = [&](uint32_t value, size_t bytes) {
    return big_endian ? BigEndian(value, bytes) : LittleEndian(value, bytes);
  };
  return (big_endian ? "MM" : "II") + number(42, 2) + number(8, 4) + number(1, 2) +
         number(0x0112, 2) + number(3, 2) + number(1, 4) +
         number(static_cast<uint32_t>(orientation), 2) + number(0, 2) + number(0, 4);
}

std::string ToString(const Buffer& buffer) { return std::string(AsText(buffer.bytes())); }

std::string BigEndian(uint32_t value, size_t bytes) {
  std::string text;
  for (size_t i = bytes; i-- > 0;) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string LittleEndian(uint32_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string PngChunkBytes(std::string_view type, std::string_view data) {
  const std::string covered = std::string(type) + std::string(data);
  return BigEndian(static_cast<uint32_t>(data.size()), 4) + covered +
         BigEndian(Checksum(covered), 4);
}

std::string PngHeader(uint32_t width, uint32_t height, int bits, int colour) {
  return PngChunkBytes("IHDR", BigEndian(width, 4) + BigEndian(height, 4) +
                                   static_cast<char>(bits) + static_cast<char>(colour) +
                                   std::string(3, '\0'));
}

std::string Deflate(std::string_view raw) {
  uLongf size = compressBound(raw.size());
  std::string packed(size, '\0');
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
            reinterpret_cast<const Bytef*>(raw.data()), raw.size(), 9);
  packed.resize(size);
  return packed;
}

std::string PngFile(const std::vector<std::string>& chunks) {
  std::string png(kPngSignature);
  for (const std::string& chunk : chunks) png += chunk;
  return png;
}

std::string PngWith(std::string_view png, std::string_view chunk) {
  constexpr size_t kHeaderEnd = 8 + 25;
  std::string result(png.substr(0, kHeaderEnd));
  result += chunk;
  result += png.substr(kHeaderEnd);
  return result;
}

void RepairPngChecksums(std::string* png) {
  if (png->size() < kPngSignature.size()) return;
  const std::string copy = *png;
  PngChunks chunks(AsBytes(copy));
  PngChunk chunk;
  while (chunks.Next(&chunk)) {
    const std::string_view whole = AsText(chunk.whole);
    const size_t begin = static_cast<size_t>(whole.data() - copy.data());
    const uint32_t sum = Checksum(whole.substr(4, whole.size() - 8));
    png->replace(begin + whole.size() - 4, 4, BigEndian(sum, 4));
  }
}

std::string JpegWith(std::string_view jpeg, int marker, std::string_view data) {
  std::string result(jpeg.substr(0, 2));
  result += '\xff';
  result += static_cast<char>(marker);
  result += BigEndian(static_cast<uint32_t>(data.size() + 2), 2);
  result += data;
  result += jpeg.substr(2);
  return result;
}

std::string RiffChunk(std::string_view type, std::string_view data) {
  std::string chunk(type);
  chunk += LittleEndian(static_cast<uint32_t>(data.size()), 4);
  chunk += data;
  if (data.size() % 2 != 0) chunk += '\0';
  return chunk;
}

std::string WebpFile(std::string_view chunks) {
  return "RIFF" + LittleEndian(static_cast<uint32_t>(chunks.size() + 4), 4) + "WEBP" +
         std::string(chunks);
}

std::string_view WebpChunks(std::string_view webp) { return webp.substr(12); }

std::string Vp8x(uint32_t flags, uint32_t width, uint32_t height) {
  return RiffChunk(
      "VP8X", LittleEndian(flags, 4) + LittleEndian(width - 1, 3) + LittleEndian(height - 1, 3));
}

}  // namespace darkroom::host
