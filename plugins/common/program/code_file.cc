// SPDX-License-Identifier: Apache-2.0

#include "common/program/code_file.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <fstream>

namespace darkroom {
namespace {

std::string DigestOf(const CodeBytes& bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(bytes.data.get()),
                     bytes.size);
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> text{};
  sodium_bin2hex(text.data(), text.size(), digest.data(), digest.size());
  return text.data();
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

CodeBytes ReadCode(const std::string& path, const std::string& sha256) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  CodeBytes bytes;
  bytes.size = std::filesystem::file_size(path, error);
  if (!file || error) throw Error(DR_NOT_FOUND, "cannot open " + path);
  bytes.data = std::make_unique_for_overwrite<std::byte[]>(bytes.size);
  file.read(reinterpret_cast<char*>(bytes.data.get()), static_cast<std::streamsize>(bytes.size));
  if (static_cast<size_t>(file.gcount()) != bytes.size)
    throw Error(DR_FAILED_PRECONDITION, "cannot read " + path + " to its end");
  const std::string digest = DigestOf(bytes);
  if (sha256.empty())
    throw Error(DR_FAILED_PRECONDITION,
                path +
                    " is a program, and the model's options do not say that you trust it: if you "
                    "do, add  sha256: " +
                    digest);
  if (Lower(sha256) != digest)
    throw Error(DR_FAILED_PRECONDITION, path +
                                            " is not the file that the model's options name: its "
                                            "SHA-256 is " +
                                            digest + ", theirs is " + sha256);
  return bytes;
}

}  // namespace darkroom
