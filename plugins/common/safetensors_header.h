// SPDX-License-Identifier: Apache-2.0
//
// The first part of a safetensors file, parsed and checked against the size of the data that
// follows it.
//
//   file    := length header data
//   length  := u64, little-endian: bytes of the header, at most 100,000,000
//   header  := JSON object, begins with '{', may end in spaces:
//              { "__metadata__": {text: text, ...}?, name: entry, ... }
//   entry   := { "dtype": text, "shape": [u64, ...], "data_offsets": [begin, end] }    offsets
//   count from the data's start data    := the tensors, row-major and little-endian, one after the
//   other: no hole, no overlap, nothing left over
//
// Pure functions on bytes: no file, no tensor, any thread.

#ifndef DARKROOM_PLUGINS_COMMON_SAFETENSORS_HEADER_H_
#define DARKROOM_PLUGINS_COMMON_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace darkroom {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // one of those that DtypeSize knows
  std::vector<int64_t> shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their data
  std::map<std::string, std::string> metadata;
};

// Bytes of one element, 0 for a dtype this reader does not know.
uint64_t DtypeSize(std::string_view dtype);

// Checks everything that `json` says against `data_bytes`. Throws Error (DR_FAILED_PRECONDITION).
SafetensorsHeader ParseSafetensorsHeader(std::string_view json, uint64_t data_bytes);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_SAFETENSORS_HEADER_H_
