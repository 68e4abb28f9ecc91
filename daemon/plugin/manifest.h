// SPDX-License-Identifier: Apache-2.0
//
// The manifest: what a plugin says of itself, in an ELF section of its file, so that it can be read
// before a line of the plugin's code runs.
//
//   section .darkroom := header json
//   header            := "DARKROOM" size:u32 abi_major:u32 abi_minor:u32 json_size:u32
//   little-endian; `size` counts
//                        the header from its first byte on: a newer minor may append to it
//   json              := json_size bytes of UTF-8 JSON, then anything (a NUL, padding)
//
// Free functions without state; any thread.

#ifndef DARKROOM_PLUGIN_MANIFEST_H_
#define DARKROOM_PLUGIN_MANIFEST_H_

#include <cstdint>
#include <string>

#include "core/model_info.h"
#include "core/status.h"
#include "plugin/elf_file.h"

namespace darkroom {

// A manifest longer than this is refused: it is read whole, and people are meant to write it.
inline constexpr uint64_t kMaxManifestBytes = 64 * 1024;

struct Manifest {
  uint32_t abi_major = 0;
  uint32_t abi_minor = 0;
  std::string json;
  ModelInfo info;
};

// Reads and parses the manifest, and checks that its ABI's major version is ours.
Result<Manifest> ReadManifest(const ElfFile& file);

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_MANIFEST_H_
