// SPDX-License-Identifier: Apache-2.0
//
// Who may have written a plugin's file? Its code runs with the rights of the service, so only root
// and the service's user may: the file and every folder above it belong to one of the two, and are
// writable by nobody else. A sticky folder of root's, such as /tmp, is fine: others may add to it,
// but not replace what is there.
//
// What was checked is what is used: the path is resolved once, walked from / without following
// another link, and the file is handed over open. Whoever reads the path again later reads what may
// be another file.
//
// Free functions without state; any thread. They wait for the disk. A TrustedFile or TrustedFolder
// owns its descriptor.

#ifndef DARKROOM_PLUGIN_FILE_TRUST_H_
#define DARKROOM_PLUGIN_FILE_TRUST_H_

#include <sys/types.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "core/status.h"

namespace darkroom {

// A descriptor that is closed with its owner; -1 is none.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct TrustedFile {
  OwnedFd fd;        // open for reading
  std::string path;  // absolute, without links
};

struct TrustedFolder {
  OwnedFd fd;
  std::string path;
};

// A file that is named by its path. Links on the way are followed, and the file that they lead to
// is checked.
//
// kNotFound: it is not there. kUnauthorized: somebody else may have written it, it is no regular
// file, or the service may not read it. kFailedPrecondition: it cannot be opened, or was exchanged
// meanwhile.
Result<TrustedFile> OpenTrustedFile(const std::string& path, uid_t service_user = ::geteuid());

// A file that was found in a folder. The same, and a link that leads out of the folder is
// kUnauthorized: what lies in the folder is all that the folder's owner offers.
Result<TrustedFile> OpenTrustedFileIn(const std::string& folder, const std::string& name,
                                      uid_t service_user = ::geteuid());

// A folder in which only root and the service's user can put, replace or remove anything.
Result<TrustedFolder> OpenTrustedFolder(const std::string& path, uid_t service_user = ::geteuid());

// Whether a file with this SHA-256 is among those allowed; an empty list allows all. Digests are
// hex digits, small or capital. `path` is for the message.
Status CheckDigest(const std::string& path, const std::string& sha256,
                   const std::vector<std::string>& allowed);

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_FILE_TRUST_H_
