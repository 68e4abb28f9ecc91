// SPDX-License-Identifier: Apache-2.0
//
// A file that was put into the plugin folder: its ELF structures, and its manifest. The input is a
// whole file, or with a first byte of '{' only a manifest's text.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/model_info.h"
#include "plugin/elf_file.h"
#include "plugin/manifest.h"
#include "plugin/preflight.h"
#include "tests/fuzz/bytes_file.h"

namespace {

void ReadFile(const std::string& path) {
  const auto file = darkroom::ElfFile::Open(path);
  if (!file.ok()) return;
  (void)file->ReadSymbols();
  (void)file->ReadDynamic();
  (void)file->HasThreadLocals();
  const auto manifest = darkroom::ReadManifest(*file);
  (void)darkroom::Preflight(*file, path, manifest.ok() ? manifest->info : darkroom::ModelInfo());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0 && data[0] == '{') {
    (void)darkroom::ParseModelInfo({reinterpret_cast<const char*>(data), size});
  } else {
    ReadFile(darkroom::BytesFile(data, size).path());
  }
  return 0;
}
