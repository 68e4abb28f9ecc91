// SPDX-License-Identifier: Apache-2.0
//
// A file of given bytes for one test, removed with the object. One thread.

#ifndef DARKROOM_TESTS_PLUGINS_COMMON_TEMPORARY_FILE_H_
#define DARKROOM_TESTS_PLUGINS_COMMON_TEMPORARY_FILE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

namespace darkroom {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) : path_(testing::TempDir() + "weightsXXXXXX") {
    ::close(::mkstemp(path_.data()));
    std::ofstream(path_, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::unlink(path_.c_str()); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A safetensors file's bytes: the header's length, the header, the data.
inline std::string SafetensorsBytes(uint64_t length, const std::string& header,
                                    const std::string& data) {
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes + header + data;
}

inline std::string SafetensorsBytes(const std::string& header, const std::string& data) {
  return SafetensorsBytes(header.size(), header, data);
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_PLUGINS_COMMON_TEMPORARY_FILE_H_
