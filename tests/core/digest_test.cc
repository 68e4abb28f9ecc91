// SPDX-License-Identifier: Apache-2.0

#include "core/digest.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace darkroom {
namespace {

// The example of FIPS 180-4.
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, EqualsTheStandardsExample) {
  Sha256 digest;
  digest.Update(AsBytes("a"));
  digest.Update(AsBytes("bc"));
  EXPECT_EQ(digest.Hex(), kAbc);
}

TEST(Digest, ReadsFiles) {
  const auto path = std::filesystem::temp_directory_path() / "darkroom-digest-test";
  std::ofstream(path) << "abc";
  EXPECT_EQ(*Sha256OfFile(path.string()), kAbc);
  std::filesystem::remove(path);
  EXPECT_EQ(Sha256OfFile(path.string()).status().code(), Code::kNotFound);
}

TEST(Digest, OfAFolderIsThatOfWhatIsInIt) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / "darkroom-digest-folder";
  fs::remove_all(folder);
  fs::create_directories(folder / "unet");
  fs::create_directories(folder / ".cache");
  std::ofstream(folder / "unet/a.bin") << "abc";
  std::ofstream(folder / "b.json") << "abc";
  const auto digest = [&folder] { return *Sha256OfWeights(folder.string()); };
  const std::string lines = std::string(kAbc) + "  b.json\n" + std::string(kAbc) + "  unet/a.bin\n";
  EXPECT_EQ(digest(), Sha256Of(AsBytes(lines)));
  std::ofstream(folder / ".cache/lock") << "x";
  EXPECT_EQ(digest(), Sha256Of(AsBytes(lines))) << "what is hidden does not count";
  fs::rename(folder / "b.json", folder / "c.json");
  EXPECT_NE(digest(), Sha256Of(AsBytes(lines)));
  EXPECT_EQ(*Sha256OfWeights((folder / "c.json").string()), kAbc) << "a file is as it is";
  fs::remove_all(folder);
  EXPECT_EQ(Sha256OfWeights(folder.string()).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace darkroom
