// SPDX-License-Identifier: Apache-2.0
//
// A folder for one test, removed with all that is in it. One thread.

#ifndef DARKROOM_TESTS_PLUGINS_COMMON_TEMPORARY_FOLDER_H_
#define DARKROOM_TESTS_PLUGINS_COMMON_TEMPORARY_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace darkroom {

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(testing::TempDir() + "folderXXXXXX") { ::mkdtemp(path_.data()); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ + "/" + name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_PLUGINS_COMMON_TEMPORARY_FOLDER_H_
