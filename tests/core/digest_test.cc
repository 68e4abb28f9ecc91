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

}  // namespace
}  // namespace darkroom
