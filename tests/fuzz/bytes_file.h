// SPDX-License-Identifier: Apache-2.0
//
// Bytes as a file that can be opened by a path, for readers that want one. It lies in memory and is
// gone with its owner. One thread.

#ifndef DARKROOM_TESTS_FUZZ_BYTES_FILE_H_
#define DARKROOM_TESTS_FUZZ_BYTES_FILE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace darkroom {

class BytesFile {
 public:
  BytesFile(const uint8_t* data, size_t size) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0 || write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~BytesFile() { close(fd_); }
  BytesFile(const BytesFile&) = delete;
  BytesFile& operator=(const BytesFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_FUZZ_BYTES_FILE_H_
