// SPDX-License-Identifier: Apache-2.0

#include "core/base64.h"

#include <array>
#include <cstdint>

namespace darkroom {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Larger than any group of four sextets, so that one comparison finds a bad character among four.
constexpr uint32_t kBad = 1U << 24;

// One table for each place in a group of four: the character's sextet, already shifted to where it
// belongs.
using Tables = std::array<std::array<uint32_t, 256>, 4>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (size_t place = 0; place < 4; ++place) {
    for (uint32_t& entry : tables[place]) entry = kBad;
    for (size_t i = 0; i < kAlphabet.size(); ++i) {
      tables[place][static_cast<unsigned char>(kAlphabet[i])] = static_cast<uint32_t>(i)
                                                                << (18 - 6 * place);
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint32_t Sextet(char c, size_t place) { return kTables[place][static_cast<unsigned char>(c)]; }

uint32_t Group(const char* text) {
  return Sextet(text[0], 0) | Sextet(text[1], 1) | Sextet(text[2], 2) | Sextet(text[3], 3);
}

std::byte ByteOf(uint32_t group, unsigned shift) {
  return static_cast<std::byte>((group >> shift) & 0xFFU);
}

Status BadAt(std::string_view text, size_t from) {
  size_t at = from;
  while (at < text.size() && Sextet(text[at], 3) < kBad) ++at;
  return Status::InvalidArgument(
      "not base64: a character outside the alphabet at byte " + std::to_string(at),
      "use the standard alphabet with padding, without line breaks");
}

}  // namespace

Result<Buffer> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return Status::InvalidArgument(
        "not base64: its length, " + std::to_string(text.size()) + ", is no multiple of four",
        "use the standard alphabet with padding, without line breaks");
  }
  if (text.empty()) return Buffer();
  const size_t padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  const size_t whole = text.size() - (padding != 0 ? 4 : 0);
  Buffer buffer = Buffer::Allocate(text.size() / 4 * 3 - padding);
  std::byte* out = buffer.data();
  for (size_t at = 0; at < whole; at += 4, out += 3) {
    const uint32_t group = Group(text.data() + at);
    if (group >= kBad) return BadAt(text, at);
    out[0] = ByteOf(group, 16);
    out[1] = ByteOf(group, 8);
    out[2] = ByteOf(group, 0);
  }
  if (padding == 0) return buffer;

  const char* tail = text.data() + whole;
  uint32_t group = Sextet(tail[0], 0) | Sextet(tail[1], 1);
  if (padding == 1) group |= Sextet(tail[2], 2);
  if (group >= kBad) return BadAt(text, whole);
  const uint32_t unused = padding == 1 ? 0xFFU : 0xFFFFU;
  if ((group & unused) != 0) {
    return Status::InvalidArgument("not base64: bits are set behind the last byte");
  }
  out[0] = ByteOf(group, 16);
  if (padding == 1) out[1] = ByteOf(group, 8);
  return buffer;
}

void Base64Append(Bytes bytes, std::string* out) {
  const size_t start = out->size();
  out->resize(start + (bytes.size() + 2) / 3 * 4, '=');
  char* to = out->data() + start;
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= 3; left -= 3, from += 3, to += 4) {
    const uint32_t group = uint32_t{from[0]} << 16 | uint32_t{from[1]} << 8 | uint32_t{from[2]};
    to[0] = kAlphabet[group >> 18];
    to[1] = kAlphabet[group >> 12 & 63U];
    to[2] = kAlphabet[group >> 6 & 63U];
    to[3] = kAlphabet[group & 63U];
  }
  if (left == 0) return;
  const uint32_t group = uint32_t{from[0]} << 16 | (left == 2 ? uint32_t{from[1]} << 8 : 0U);
  to[0] = kAlphabet[group >> 18];
  to[1] = kAlphabet[group >> 12 & 63U];
  if (left == 2) to[2] = kAlphabet[group >> 6 & 63U];
}

std::string Base64Encode(Bytes bytes) {
  std::string out;
  Base64Append(bytes, &out);
  return out;
}

}  // namespace darkroom
