// SPDX-License-Identifier: Apache-2.0

#include "core/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
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

Result<std::string> Sha256OfWeights(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return Sha256OfFile(path);
  std::set<std::string> names;
  fs::recursive_directory_iterator entry(path, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().native().starts_with('.')) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file(error)) {
      names.insert(entry->path().lexically_relative(path).string());
    }
  }
  if (error) return Status::Internal(fmt::format("cannot list '{}': {}", path, error.message()));
  Sha256 digest;
  for (const std::string& name : names) {
    const Result<std::string> one = Sha256OfFile((fs::path(path) / name).string());
    if (!one.ok()) return one.status();
    digest.Update(AsBytes(fmt::format("{}  {}\n", *one, name)));
  }
  return digest.Hex();
}

}  // namespace darkroom
