// SPDX-License-Identifier: Apache-2.0
//
// By what hubs know files: SHA-256 of large ones, and git's name of small ones. Any thread.

#ifndef DARKROOM_CLI_HUB_FILE_DIGESTS_H_
#define DARKROOM_CLI_HUB_FILE_DIGESTS_H_

#include <filesystem>
#include <string>

#include "cli/hub/hub_files.h"
#include "core/status.h"

namespace darkroom {

struct FileDigests {
  std::string sha256;  // 64 hexadecimal digits
  std::string git_id;  // SHA-1 of "blob SIZE\0" and the bytes: 40
};

Result<FileDigests> DigestsOf(const std::filesystem::path& path);

// Empty: they are those that the hub names, or it names none. Else what differs, for people.
std::string Difference(const HubFile& file, const FileDigests& digests);

}  // namespace darkroom

#endif  // DARKROOM_CLI_HUB_FILE_DIGESTS_H_
