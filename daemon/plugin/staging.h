// SPDX-License-Identifier: Apache-2.0
//
// Staging makes private copies of plugin files, and it is the copies that are opened. So a plugin's
// file may be overwritten or removed while its code is mapped, two versions of one file can be open
// at once (the loader takes the same file twice for one library), and what was checked cannot
// change before it runs.
//
// The folder is the daemon's own: mode 0700, below folders that nobody else can write to, and two
// daemons must not share one. A copy is named STEM-SHA12-N.so: after its source, the beginning of
// its digest, and a number that rises with each copy of this process.
//
// One thread at a time. Stage waits for the disk as long as the copying takes. Copies stay until
// Remove, or until the Clear of the next run.

#ifndef DARKROOM_PLUGIN_STAGING_H_
#define DARKROOM_PLUGIN_STAGING_H_

#include <cstdint>
#include <string>

#include "core/status.h"
#include "plugin/file_trust.h"

namespace darkroom {

struct StagedFile {
  std::string path;    // of the copy; absolute
  std::string sha256;  // of its bytes, 64 hex digits
  std::string source;  // the real path of what was copied
  uint64_t bytes = 0;
};

class Staging {
 public:
  explicit Staging(std::string folder);

  // Makes the folder if need be, and removes the copies that an earlier run has left; other files
  // stay. Says early what would make Stage fail: kUnauthorized if others can write to the folder or
  // one above it, kFailedPrecondition if code cannot be run from it or it cannot be made.
  Status Clear();

  // Copies what the source's descriptor is open on, whatever its path leads to by now.
  // kFailedPrecondition with "is being written" if it changes meanwhile: the same may succeed once
  // the file is quiet. kResourceExhausted: no space. A failure leaves no copy behind.
  Result<StagedFile> Stage(const TrustedFile& source);

  // Whoever has the copy open or mapped keeps it. No copy is no error.
  void Remove(const StagedFile& file);

  // Removes the folder, unless something is in it.
  void Leave();

 private:
  Result<TrustedFolder> OpenFolder() const;

  std::string folder_;
  uint64_t copies_ = 0;  // so far
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_STAGING_H_
