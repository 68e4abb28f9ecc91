// SPDX-License-Identifier: Apache-2.0
//
// What darkroom_add_plugin() promises of a plugin's file: one exported symbol, none that would pin
// it, its manifest byte for byte, and that closing it really unmaps it.

#include <darkroom/plugin.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "plugin/elf_file.h"
#include "plugin/manifest.h"

namespace darkroom {
namespace {

class PluginFileTest : public testing::TestWithParam<std::string> {
 protected:
  std::string path() const { return PLUGIN_FOLDER "/" + GetParam() + ".so"; }

  ElfFile Open() const {
    Result<ElfFile> file = ElfFile::Open(path());
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return *std::move(file);
  }
};

bool IsMapped(const std::string& path) {
  struct Search {
    const std::string& path;
    bool found;
  } search{path, false};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* wanted = static_cast<Search*>(data);
        if (wanted->path == info->dlpi_name) wanted->found = true;
        return 0;
      },
      &search);
  return search.found;
}

TEST_P(PluginFileTest, ExportsItsEntryAlone) {
  const Result<std::vector<ElfFile::Symbol>> symbols = Open().ReadSymbols();
  ASSERT_TRUE(symbols.ok()) << symbols.status().ToString();
  std::vector<std::string> exported;
  for (const ElfFile::Symbol& symbol : *symbols) {
    EXPECT_FALSE(symbol.unique) << symbol.name;
    if (symbol.exported) exported.push_back(symbol.name);
  }
  EXPECT_THAT(exported, testing::ElementsAre(DR_ENTRY_SYMBOL));
}

TEST_P(PluginFileTest, HoldsItsManifest) {
  const Result<Manifest> manifest = ReadManifest(Open());
  ASSERT_TRUE(manifest.ok()) << manifest.status().ToString();
  EXPECT_EQ(manifest->abi_major, uint32_t{DR_ABI_MAJOR});
  EXPECT_EQ(manifest->abi_minor, uint32_t{DR_ABI_MINOR});
  EXPECT_EQ(manifest->info.id, GetParam());
  std::ifstream source(DARKROOM_SOURCE_DIR "/plugins/" + GetParam() + "/manifest.json",
                       std::ios::binary);
  EXPECT_EQ(manifest->json, std::string(std::istreambuf_iterator<char>(source), {}));
}

TEST_P(PluginFileTest, NeedsNoLibraryThatOnlyGpuHostsHave) {
  const Result<ElfFile::Dynamic> dynamic = Open().ReadDynamic();
  ASSERT_TRUE(dynamic.ok()) << dynamic.status().ToString();
  EXPECT_THAT(dynamic->needed,
              testing::Each(testing::Not(testing::AnyOf(testing::StartsWith("libtorch.so"),
                                                        testing::StartsWith("libtorch_cuda")))));
}

INSTANTIATE_TEST_SUITE_P(Shipped, PluginFileTest, testing::Values(SHIPPED_PLUGINS),
                         [](const auto& param) { return param.param; });

// The plugins that need no library of darkroom's own cache.
using LightPluginTest = PluginFileTest;

TEST_P(LightPluginTest, SearchesNoLibrariesInTheCurrentFolder) {
  const Result<ElfFile::Dynamic> dynamic = Open().ReadDynamic();
  ASSERT_TRUE(dynamic.ok()) << dynamic.status().ToString();
  // Nothing behind it: an empty entry is the folder that the process happens to be in, and CMake
  // pads run paths with such entries unless told otherwise.
  EXPECT_EQ(dynamic->run_path, "$ORIGIN");
}

TEST_P(LightPluginTest, IsUnmappedByClosing) {
  void* library = dlopen(path().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  EXPECT_TRUE(IsMapped(path()));
  using Entry = const dr_plugin_t*(const dr_host_t*);
  auto* entry = reinterpret_cast<Entry*>(dlsym(library, DR_ENTRY_SYMBOL));
  ASSERT_NE(entry, nullptr);
  dr_host_t host{};
  host.size = sizeof(host);
  host.abi_major = DR_ABI_MAJOR;
  const dr_plugin_t* plugin = entry(&host);
  ASSERT_NE(plugin, nullptr);
  EXPECT_EQ(plugin->size, sizeof(dr_plugin_t));
  EXPECT_EQ(plugin->abi_major, uint32_t{DR_ABI_MAJOR});
  plugin->shutdown();
  EXPECT_EQ(dlclose(library), 0);
  EXPECT_FALSE(IsMapped(path())) << "dlclose() left it in place";
}

INSTANTIATE_TEST_SUITE_P(Shipped, LightPluginTest, testing::Values("echo", "mock"),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace darkroom
