// SPDX-License-Identifier: Apache-2.0

#include "core/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSize = 4096;

// A file that may be mapped here.
class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() {
    std::string pattern = (fs::temp_directory_path() / "darkroom-mapped-XXXXXX").string();
    folder_ = fs::canonical(mkdtemp(pattern.data()));
  }
  ~MappedFileTest() override {
    Unmap();
    fs::remove_all(folder_);
  }

  std::string Write(const std::string& name) const {
    std::ofstream(folder_ / name) << std::string(kSize, 'x');
    return folder_ / name;
  }
  void Map(const std::string& path) {
    FILE* const file = fopen(path.c_str(), "r");
    ASSERT_NE(file, nullptr);
    mapping_ = mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, fileno(file), 0);
    fclose(file);
    ASSERT_NE(mapping_, MAP_FAILED);
  }
  void Unmap() {
    if (mapping_ != nullptr) munmap(mapping_, kSize);
    mapping_ = nullptr;
  }

  fs::path folder_;
  void* mapping_ = nullptr;
};

TEST_F(MappedFileTest, IsMappedFromWhenItIsToWhenItIsNot) {
  const std::string path = Write("plugin.so");
  EXPECT_FALSE(IsMapped(path));
  Map(path);
  EXPECT_TRUE(IsMapped(path));
  Unmap();
  EXPECT_FALSE(IsMapped(path));
}

TEST_F(MappedFileTest, StaysMappedWhenItsNameIsRemoved) {
  const std::string path = Write("plugin.so");
  Map(path);
  fs::remove(path);
  EXPECT_TRUE(IsMapped(path));
  Unmap();
  EXPECT_FALSE(IsMapped(path));
}

TEST_F(MappedFileTest, OthersWithNamesLikeItsAreNot) {
  const std::string path = Write("plugin.so");
  Map(path);
  for (const std::string& other :
       {path + ".1", path.substr(0, path.size() - 1), path.substr(1), folder_.string(),
        fs::path(path).filename().string(), path + " (deleted", std::string("/")}) {
    EXPECT_FALSE(IsMapped(other)) << other;
  }
}

TEST_F(MappedFileTest, NamesMayHaveSpaces) {
  const std::string path = Write("a plugin (deleted) .so");
  Map(path);
  EXPECT_TRUE(IsMapped(path));
}

TEST(MappedFile, KnowsThisProgram) { EXPECT_TRUE(IsMapped(fs::read_symlink("/proc/self/exe"))); }

}  // namespace
}  // namespace darkroom
