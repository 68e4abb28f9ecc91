// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4) of files and of bytes as they come, as receipts name weights and plugins.
//
// A Sha256 belongs to one thread; the function may be called from any.

#ifndef DARKROOM_CORE_DIGEST_H_
#define DARKROOM_CORE_DIGEST_H_

#include <string>

#include "core/buffer.h"
#include "core/status.h"

struct evp_md_ctx_st;

namespace darkroom {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(Bytes bytes);
  std::string Hex();  // 64 digits; ends the digest

 private:
  evp_md_ctx_st* state_;
};

std::string Sha256Of(Bytes bytes);  // 64 digits

Result<std::string> Sha256OfFile(const std::string& path);

// Of a model's weights: a file's own digest; of a folder, that of what `sha256sum` would print of
// all files in it, in the order of their names: "DIGEST  part/file\n" each. Hidden files are none
// of the model's.
Result<std::string> Sha256OfWeights(const std::string& path);

}  // namespace darkroom

#endif  // DARKROOM_CORE_DIGEST_H_
