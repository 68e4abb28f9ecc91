// SPDX-License-Identifier: Apache-2.0

#include "message/nkey.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace darkroom {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr uint8_t kSeed = 18U << 3;  // 'S'
constexpr uint8_t kUser = 20U << 3;  // 'U'
constexpr size_t kKeySize = 32;
constexpr size_t kSeedSize = 2 + kKeySize + 2;

// Bytes that were secret leave nothing behind.
struct Wipe {
  explicit Wipe(std::vector<uint8_t>* its_bytes) : bytes(its_bytes) {}
  ~Wipe() { OPENSSL_cleanse(bytes->data(), bytes->size()); }
  Wipe(const Wipe&) = delete;
  Wipe& operator=(const Wipe&) = delete;
  std::vector<uint8_t>* bytes;
};

uint16_t Crc16(const uint8_t* bytes, size_t size) {
  constexpr uint16_t kPolynomial = 0x1021;
  uint16_t crc = 0;
  for (size_t i = 0; i < size; ++i) {
    crc = static_cast<uint16_t>(crc ^ (bytes[i] << 8));
    for (int bit = 0; bit < 8; ++bit) {
      const bool carry = (crc & 0x8000) != 0;
      crc = static_cast<uint16_t>(crc << 1);
      if (carry) crc ^= kPolynomial;
    }
  }
  return crc;
}

std::optional<std::vector<uint8_t>> FromBase32(std::string_view text) {
  std::vector<uint8_t> bytes;
  uint32_t held = 0;
  int bits = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    held = (held << 5) | static_cast<uint32_t>(digit);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<uint8_t>(held >> bits));
  }
  // What is left of the last digit means nothing, and is 0.
  if ((held & ((1U << bits) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::string ToBase32(const std::vector<uint8_t>& bytes) {
  std::string text;
  uint32_t held = 0;
  int bits = 0;
  for (const uint8_t byte : bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += kDigits[(held >> (bits - 5)) & 31U];
  }
  if (bits > 0) text += kDigits[(held << (5 - bits)) & 31U];
  return text;
}

std::string_view SeedLine(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.starts_with("SU")) return line;
  }
  return {};
}

Status NoSeed(std::string what) {
  return Status::InvalidArgument(
      std::move(what), "it must have a user's seed, a line of 58 letters and digits from SU on");
}

}  // namespace

Result<std::string> PublicNkey(std::string_view text) {
  const std::string_view line = SeedLine(text);
  if (line.empty()) return NoSeed("there is no user's nkey seed in it");
  auto seed = FromBase32(line);
  if (!seed || seed->size() != kSeedSize) return NoSeed("its nkey seed is cut or garbled");
  const Wipe wipe(&*seed);
  const auto& bytes = *seed;
  const uint16_t crc = Crc16(bytes.data(), kSeedSize - 2);
  if (bytes[kSeedSize - 2] != (crc & 0xff) || bytes[kSeedSize - 1] != crc >> 8) {
    return NoSeed("its nkey seed has a typing error: the checksum differs");
  }
  const auto kind = static_cast<uint8_t>((bytes[0] & 7U) << 5 | bytes[1] >> 3);
  if ((bytes[0] & 0xf8U) != kSeed || kind != kUser) return NoSeed("its nkey seed is not a user's");

  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, &bytes[2], kKeySize), EVP_PKEY_free);
  std::vector<uint8_t> out = {kUser};
  out.resize(1 + kKeySize);
  size_t size = kKeySize;
  if (key == nullptr || EVP_PKEY_get_raw_public_key(key.get(), &out[1], &size) != 1) {
    return Status::Internal("the public key of an nkey could not be made");
  }
  const uint16_t out_crc = Crc16(out.data(), out.size());
  out.push_back(static_cast<uint8_t>(out_crc & 0xff));
  out.push_back(static_cast<uint8_t>(out_crc >> 8));
  return ToBase32(out);
}

}  // namespace darkroom
