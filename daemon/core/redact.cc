// SPDX-License-Identifier: Apache-2.0

#include "core/redact.h"

namespace darkroom {

std::string WithoutSecrets(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  // The last one: a password may hold others.
  const size_t at = url.rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(url);
  return std::string(url.substr(0, begin)).append("***").append(url.substr(at));
}

}  // namespace darkroom
