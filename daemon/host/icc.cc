// SPDX-License-Identifier: Apache-2.0
//
// The part of the profile's header that is looked at (128 bytes, big-endian):
//
//   0 u32 size   16 colour space: "GRAY", "RGB ", "CMYK", ...   36 "acsp"

#include "host/icc.h"

#include <string_view>

namespace darkroom::host {
namespace {

constexpr size_t kHeaderBytes = 128;

}  // namespace

bool IccFits(Bytes icc, uint32_t channels) {
  if (icc.size() < kHeaderBytes || icc.size() > kMaxIccBytes) return false;
  const std::string_view header = AsText(icc.first(kHeaderBytes));
  if (header.substr(36, 4) != "acsp") return false;
  return header.substr(16, 4) == (channels <= 2 ? "GRAY" : "RGB ");
}

}  // namespace darkroom::host
