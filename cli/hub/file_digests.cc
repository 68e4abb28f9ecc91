// SPDX-License-Identifier: Apache-2.0

#include "cli/hub/file_digests.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace darkroom {
namespace {

class Digest {
 public:
  explicit Digest(const EVP_MD* kind) : state_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    EVP_DigestInit_ex(state_.get(), kind, nullptr);
  }
  void Update(const char* data, size_t size) { EVP_DigestUpdate(state_.get(), data, size); }
  std::string Hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    EVP_DigestFinal_ex(state_.get(), bytes.data(), &size);
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", bytes.at(i));
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state_;
};

}  // namespace

Result<FileDigests> DigestsOf(const std::filesystem::path& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) {
    return Status::NotFound(
        fmt::format("cannot read '{}': {}", path.string(),
                    error ? error.message() : std::string(std::strerror(errno))));
  }
  Digest sha256(EVP_sha256());
  Digest git(EVP_sha1());
  const std::string head = fmt::format("blob {}", size) + '\0';
  git.Update(head.data(), head.size());
  std::vector<char> block(size_t{1} << 20);
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    const auto got = static_cast<size_t>(file.gcount());
    sha256.Update(block.data(), got);
    git.Update(block.data(), got);
  }
  if (file.bad()) return Status::Internal(fmt::format("cannot read all of '{}'", path.string()));
  return FileDigests{sha256.Hex(), git.Hex()};
}

std::string Difference(const HubFile& file, const FileDigests& digests) {
  if (!file.sha256.empty() && file.sha256 != digests.sha256)
    return fmt::format("its SHA-256 is {}, the hub names {}", digests.sha256, file.sha256);
  if (file.sha256.empty() && !file.git_id.empty() && file.git_id != digests.git_id)
    return fmt::format("its git id is {}, the hub names {}", digests.git_id, file.git_id);
  return {};
}

}  // namespace darkroom
