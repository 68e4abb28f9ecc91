// SPDX-License-Identifier: Apache-2.0

#include "plugin/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "plugin/manifest.h"

namespace darkroom {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PreflightReport Check(const std::string& path, const std::vector<std::string>& folders = {},
                      bool resident = false) {
  const Result<ElfFile> file = ElfFile::Open(path);
  EXPECT_TRUE(file.ok()) << file.status().ToString();
  Result<Manifest> manifest = ReadManifest(*file);
  EXPECT_TRUE(manifest.ok()) << manifest.status().ToString();
  manifest->info.resident = resident;
  const Result<PreflightReport> report = Preflight(*file, path, manifest->info, folders);
  EXPECT_TRUE(report.ok()) << report.status().ToString();
  return *report;
}

TEST(Preflight, PassesASoundPlugin) {
  const PreflightReport report = Check(SOUND_PLUGIN);
  EXPECT_EQ(report.verdict, Verdict::kOk);
  EXPECT_TRUE(report.ToStatus().ok());
  EXPECT_THAT(report.exported, ElementsAre("darkroom_plugin_entry"));
  EXPECT_EQ(report.unique_symbols, 0U);
  EXPECT_FALSE(report.registers_torch_library);
  EXPECT_THAT(report.needed, Contains("libc.so.6"));
  EXPECT_THAT(report.missing, IsEmpty());
  EXPECT_THAT(report.residents, IsEmpty());
}

TEST(Preflight, TellsWhatKeepsAFileMapped) {
  const PreflightReport report = Check(SUSPECT_PLUGIN);
  EXPECT_EQ(report.verdict, Verdict::kResident);
  EXPECT_TRUE(report.ToStatus().ok());
  EXPECT_GE(report.unique_symbols, 1U);
  EXPECT_THAT(report.residents, Contains(HasSubstr("unique symbols (STB_GNU_UNIQUE)")));
  EXPECT_THAT(report.residents, Contains(HasSubstr("exports more than its entry: ")));
  EXPECT_THAT(report.residents, Contains(HasSubstr("TORCH_LIBRARY")));
  EXPECT_THAT(report.residents, Contains(HasSubstr("-z nodelete")));
  EXPECT_TRUE(report.thread_locals);
  EXPECT_THAT(report.notes, Contains(HasSubstr("thread-local")));
}

TEST(Preflight, NotesLibrariesThatAreNotFound) {
  EXPECT_THAT(Check(SUSPECT_PLUGIN).missing, ElementsAre("libdarkroom_test_needed.so"));
  const std::string folder = std::filesystem::path(NEEDED_LIBRARY).parent_path().string();
  EXPECT_THAT(Check(SUSPECT_PLUGIN, {folder}).missing, IsEmpty());
}

TEST(Preflight, RefusesAPluginWithoutItsEntry) {
  const PreflightReport report = Check(NO_ENTRY_PLUGIN);
  EXPECT_EQ(report.verdict, Verdict::kRefuse);
  EXPECT_EQ(report.ToStatus().code(), Code::kFailedPrecondition);
  EXPECT_THAT(report.ToStatus().message(), HasSubstr("does not export darkroom_plugin_entry"));
}

TEST(Preflight, BelievesAManifestThatSaysResident) {
  const PreflightReport report = Check(SOUND_PLUGIN, {}, true);
  EXPECT_EQ(report.verdict, Verdict::kResident);
  EXPECT_THAT(report.residents, ElementsAre(HasSubstr("manifest")));
}

}  // namespace
}  // namespace darkroom
