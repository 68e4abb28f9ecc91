// SPDX-License-Identifier: Apache-2.0
//
// Preflight tells from a plugin's file alone, without running any of it, what will happen when it
// is opened and closed: whether it may be loaded, and whether it can be unmapped again. The reasons
// are in docs/plugin-abi.md.
//
// Free functions without state; any thread.

#ifndef DARKROOM_PLUGIN_PREFLIGHT_H_
#define DARKROOM_PLUGIN_PREFLIGHT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/model_info.h"
#include "core/status.h"
#include "plugin/elf_file.h"

namespace darkroom {

enum class Verdict : uint8_t {
  kOk,        // loads, and is unmapped when it is closed
  kResident,  // loads, but stays mapped for the life of the process
  kRefuse,    // must not be opened
};

struct PreflightReport {
  Verdict verdict = Verdict::kOk;
  std::vector<std::string> refusals;   // why it is refused, a sentence each
  std::vector<std::string> residents;  // why it would stay mapped
  std::vector<std::string> notes;  // worth knowing: thread-locals, libraries that were not found

  std::vector<std::string> exported;  // symbols
  std::vector<std::string> needed;    // libraries
  std::vector<std::string> missing;   // those of `needed` that were not found
  std::vector<std::string> run_path;  // folders where it looks for them, $ORIGIN filled in
  uint32_t unique_symbols = 0;
  bool thread_locals = false;
  bool registers_torch_library =
      false;  // imports torch::Library: TORCH_LIBRARY may be used once a process

  // OK unless refused; the message then is the refusals.
  Status ToStatus() const;
};

// `library_folders` are searched for needed libraries besides the file's own run path and the
// system's folders.
Result<PreflightReport> Preflight(const ElfFile& file, const std::string& path,
                                  const ModelInfo& info,
                                  const std::vector<std::string>& library_folders = {});

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_PREFLIGHT_H_
