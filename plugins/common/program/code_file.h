// SPDX-License-Identifier: Apache-2.0
//
// Reads a file that is a program, such as a TorchScript archive or a compiled package, if it is the
// one that its user pinned. The digest is of the bytes that are returned: whoever exchanges the
// file later exchanges nothing.
//
// A free function; any thread. The bytes are the caller's.

#ifndef DARKROOM_PLUGINS_COMMON_PROGRAM_CODE_FILE_H_
#define DARKROOM_PLUGINS_COMMON_PROGRAM_CODE_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

namespace darkroom {

struct CodeBytes {
  std::unique_ptr<std::byte[]> data;
  size_t size = 0;
};

// `sha256`: 64 hex digits, of any case. Throws Error: DR_NOT_FOUND, or DR_FAILED_PRECONDITION when
// nothing is pinned or something else, with the file's own digest.
CodeBytes ReadCode(const std::string& path, const std::string& sha256);

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PROGRAM_CODE_FILE_H_
