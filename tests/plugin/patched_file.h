// SPDX-License-Identifier: Apache-2.0
//
// A plugin's file with some of its bytes changed, for tests of what is refused.

#ifndef DARKROOM_TESTS_PLUGIN_PATCHED_FILE_H_
#define DARKROOM_TESTS_PLUGIN_PATCHED_FILE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "plugin/elf_file.h"

namespace darkroom {

inline std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A folder of the test's own, gone with it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = ::testing::TempDir() + "darkroom-plugin-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <typename T>
void Patch(std::string* bytes, uint64_t offset, T value) {
  ASSERT_LE(offset + sizeof(T), bytes->size());
  std::memcpy(bytes->data() + offset, &value, sizeof(T));
}

// Where a file's manifest begins.
inline uint64_t ManifestOffset(const std::string& path) {
  const Result<ElfFile> file = ElfFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status().ToString();
  return file.ok() ? file->FindSection(".darkroom")->sh_offset : 0;
}

}  // namespace darkroom

#endif  // DARKROOM_TESTS_PLUGIN_PATCHED_FILE_H_
