// SPDX-License-Identifier: Apache-2.0

#include "plugin/manifest.h"

#include <darkroom/plugin.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <string>

#include "tests/plugin/patched_file.h"

namespace darkroom {
namespace {

using ::testing::HasSubstr;

Result<Manifest> Read(const std::string& path) {
  Result<ElfFile> file = ElfFile::Open(path);
  if (!file.ok()) return file.status();
  return ReadManifest(*file);
}

TEST(Manifest, IsReadFromASoundPlugin) {
  const Result<Manifest> manifest = Read(SOUND_PLUGIN);
  ASSERT_TRUE(manifest.ok()) << manifest.status().ToString();
  EXPECT_EQ(manifest->abi_major, static_cast<uint32_t>(DR_ABI_MAJOR));
  EXPECT_EQ(manifest->info.id, "values");
  EXPECT_EQ(manifest->info.inputs.size(), 4U);
  EXPECT_EQ(manifest->json.front(), '{');
}

TEST(Manifest, IsReadFromDrManifest) {
  const Result<Manifest> manifest = Read(SUSPECT_PLUGIN);
  ASSERT_TRUE(manifest.ok()) << manifest.status().ToString();
  EXPECT_EQ(manifest->info.id, "suspect");
}

TEST(Manifest, ALibraryWithoutOneIsRefused) {
  const Status status = Read(NEEDED_LIBRARY).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("no manifest"));
  EXPECT_THAT(status.hint(), HasSubstr("darkroom_add_plugin()"));
}

struct Change {
  const char* name;
  std::function<void(std::string*, uint64_t)> apply;  // to the file's bytes; the manifest's offset
  const char* words;
};

class BadManifestTest : public ::testing::TestWithParam<Change> {};

TEST_P(BadManifestTest, IsRefusedInWords) {
  const TestFolder folder;
  std::string bytes = ReadWhole(SOUND_PLUGIN);
  GetParam().apply(&bytes, ManifestOffset(SOUND_PLUGIN));
  const Status status = Read(folder.Write("bad.so", bytes)).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().words));
}

template <size_t kField>
std::function<void(std::string*, uint64_t)> Set(uint32_t value) {
  return [value](std::string* bytes, uint64_t at) { Patch(bytes, at + kField, value); };
}

INSTANTIATE_TEST_SUITE_P(
    Changes, BadManifestTest,
    ::testing::Values(
        Change{"wrong_magic", [](std::string* bytes, uint64_t at) { (*bytes)[at] = 'X'; },
               "does not begin with DARKROOM"},
        Change{"wrong_major", Set<offsetof(dr_manifest_t, abi_major)>(2),
               "built for plugin ABI 2.0, this is ABI 1.0"},
        Change{"too_long", Set<offsetof(dr_manifest_t, json_size)>(300'000),
               "300000 bytes long, the limit is 65536"},
        Change{"longer_than_its_section", Set<offsetof(dr_manifest_t, json_size)>(60'000),
               "truncated"},
        Change{"size_overflow", Set<offsetof(dr_manifest_t, json_size)>(UINT32_MAX), "limit"},
        Change{"header_too_short", Set<offsetof(dr_manifest_t, size)>(4), "truncated"},
        Change{"header_too_long", Set<offsetof(dr_manifest_t, size)>(UINT32_MAX), "truncated"},
        Change{"header_longer_than_its_section", Set<offsetof(dr_manifest_t, size)>(4000),
               "truncated"},
        Change{"json_cut", Set<offsetof(dr_manifest_t, json_size)>(20), "not valid JSON"},
        Change{"bad_json",
               [](std::string* bytes, uint64_t at) { (*bytes)[at + sizeof(dr_manifest_t)] = ']'; },
               "the manifest: not valid JSON"},
        Change{"bad_id",
               [](std::string* bytes, uint64_t at) {
                 const size_t id = bytes->find("\"values\"", at);
                 bytes->replace(id, 8, "\"../lib\"");
               },
               "the manifest's id"}),
    [](const auto& change) { return std::string(change.param.name); });

TEST(Manifest, ANewerMinorWithALongerHeaderIsRead) {
  const TestFolder folder;
  std::string bytes = ReadWhole(SOUND_PLUGIN);
  const uint64_t at = ManifestOffset(SOUND_PLUGIN);
  // The header grows over the JSON's first byte, which moves on by one: what was "{\n" is " {".
  const uint64_t json = at + sizeof(dr_manifest_t);
  ASSERT_EQ(bytes.substr(json, 2), "{\n");
  bytes.replace(json, 2, "X{");
  Patch<uint32_t>(&bytes, at + offsetof(dr_manifest_t, size), sizeof(dr_manifest_t) + 1);
  Patch<uint32_t>(&bytes, at + offsetof(dr_manifest_t, abi_minor), 7);
  uint32_t json_size = 0;
  std::memcpy(&json_size, bytes.data() + at + offsetof(dr_manifest_t, json_size), 4);
  Patch<uint32_t>(&bytes, at + offsetof(dr_manifest_t, json_size), json_size - 1);
  const Result<Manifest> manifest = Read(folder.Write("newer.so", bytes));
  ASSERT_TRUE(manifest.ok()) << manifest.status().ToString();
  EXPECT_EQ(manifest->abi_minor, 7U);
  EXPECT_EQ(manifest->info.id, "values");
}

}  // namespace
}  // namespace darkroom
