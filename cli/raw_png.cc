// SPDX-License-Identifier: Apache-2.0

#include "cli/raw_png.h"

#include <algorithm>
#include <string_view>

namespace darkroom {
namespace {

// The largest block that deflate stores as it is.
constexpr size_t kLargestStored = 65535;

void PutBig(std::string* out, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xFFU));
  }
}

uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

uint32_t Adler32(std::string_view bytes) {
  constexpr uint32_t kPrime = 65521;
  uint32_t a = 1;
  uint32_t b = 0;
  for (const char byte : bytes) {
    a = (a + static_cast<uint8_t>(byte)) % kPrime;
    b = (b + a) % kPrime;
  }
  return b << 16U | a;
}

// A zlib stream of stored blocks.
std::string Stored(std::string_view bytes) {
  std::string out = "\x78\x01";
  const uint32_t sum = Adler32(bytes);
  do {
    const std::string_view block = bytes.substr(0, kLargestStored);
    bytes.remove_prefix(block.size());
    out.push_back(bytes.empty() ? '\1' : '\0');
    const auto size = static_cast<uint32_t>(block.size());
    for (const uint32_t half : {size, ~size}) {
      out.push_back(static_cast<char>(half & 0xFFU));
      out.push_back(static_cast<char>((half >> 8U) & 0xFFU));
    }
    out += block;
  } while (!bytes.empty());
  PutBig(&out, sum);
  return out;
}

void PutChunk(std::string* out, std::string_view kind, std::string_view data) {
  PutBig(out, static_cast<uint32_t>(data.size()));
  const std::string body = std::string(kind) + std::string(data);
  *out += body;
  PutBig(out, Crc32(body));
}

}  // namespace

std::string MakeRawPng(uint32_t width, uint32_t height, uint32_t channels) {
  std::string rows;
  rows.reserve(static_cast<size_t>(height) * (1 + static_cast<size_t>(width) * channels));
  for (uint32_t y = 0; y < height; ++y) {
    rows.push_back('\0');  // this row is not filtered
    for (uint32_t x = 0; x < width; ++x) {
      for (uint32_t c = 0; c < channels; ++c) {
        rows.push_back(static_cast<char>((x * (3 + c) + y * (5 - c) + 40 * c) & 0xFFU));
      }
    }
  }
  std::string header;
  PutBig(&header, width);
  PutBig(&header, height);
  header += '\x08';                         // bits a channel
  header += channels == 1 ? '\0' : '\x02';  // grey or RGB
  header += std::string(3, '\0');           // deflate, no filters to choose from, not interlaced
  std::string png = "\x89PNG\r\n\x1a\n";
  PutChunk(&png, "IHDR", header);
  PutChunk(&png, "IDAT", Stored(rows));
  PutChunk(&png, "IEND", {});
  return png;
}

}  // namespace darkroom
