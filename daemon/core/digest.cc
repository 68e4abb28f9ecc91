// SPDX-License-Identifier: Apache-2.0

#include "core/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

namespace darkroom {

Sha256::Sha256() : state_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(state_, EVP_sha256(), nullptr); }

Sha256::~Sha256() { EVP_MD_CTX_free(state_); }

void Sha256::Update(Bytes bytes) { EVP_DigestUpdate(state_, bytes.data(), bytes.size()); }

std::string Sha256::Hex() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(state_, digest.data(), nullptr);
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string Sha256Of(Bytes bytes) {
  Sha256 digest;
  digest.Update(bytes);
  return digest.Hex();
}

Result<std::string> Sha256OfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status::NotFound(fmt::format("cannot read '{}'", path));
  Sha256 digest;
  std::vector<char> chunk(1U << 20);
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || file.gcount() > 0) {
    digest.Update(AsBytes({chunk.data(), static_cast<size_t>(file.gcount())}));
  }
  if (file.bad()) return Status::Internal(fmt::format("cannot read '{}' to its end", path));
  return digest.Hex();
}

}  // namespace darkroom
