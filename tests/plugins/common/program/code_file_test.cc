// SPDX-License-Identifier: Apache-2.0

#include "common/program/code_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstring>
#include <darkroom/plugin.hpp>

#include "tests/plugins/common/temporary_file.h"

namespace darkroom {
namespace {

using ::testing::HasSubstr;

constexpr const char* kText = "abc";
// Of FIPS 180-4's example.
const std::string kDigest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string Refusal(const std::string& path, const std::string& sha256, dr_status status) {
  try {
    ReadCode(path, sha256);
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), status);
    return error.what();
  }
  ADD_FAILURE() << "it was read";
  return {};
}

TEST(ReadCode, ReadsWhatIsPinned) {
  const TemporaryFile file(kText);
  std::string upper = kDigest;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (const std::string& digest : {kDigest, upper}) {
    const CodeBytes bytes = ReadCode(file.path(), digest);
    ASSERT_EQ(bytes.size, 3U);
    EXPECT_EQ(std::memcmp(bytes.data.get(), kText, 3), 0);
  }
}

TEST(ReadCode, RefusesWhatIsNot) {
  const TemporaryFile file(kText);
  EXPECT_THAT(Refusal(file.path(), "", DR_FAILED_PRECONDITION), HasSubstr("sha256: " + kDigest));
  std::string other = kDigest;
  other.back() = '0';
  EXPECT_THAT(Refusal(file.path(), other, DR_FAILED_PRECONDITION), HasSubstr(kDigest));
  EXPECT_THAT(Refusal("/nowhere/model.pt", kDigest, DR_NOT_FOUND), HasSubstr("/nowhere/model.pt"));
}

}  // namespace
}  // namespace darkroom
