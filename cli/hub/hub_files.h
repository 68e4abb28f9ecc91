// SPDX-License-Identifier: Apache-2.0
//
// What a repository of a model hub holds at one commit, and which of it a model needs: its weights
// as safetensors, its configuration, its vocabulary. Pickles run code in whoever opens them, so
// they are taken only when they are asked for.
//
// Pure functions, any thread.

#ifndef DARKROOM_CLI_HUB_HUB_FILES_H_
#define DARKROOM_CLI_HUB_HUB_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom {

struct HubFile {
  std::string path;  // relative, with '/'
  uint64_t size = 0;
  std::string sha256;  // of large files; empty: the hub knows none
  std::string git_id;  // of the others: SHA-1 of "blob SIZE\0" and the bytes
};

struct HubModel {
  std::string repository;  // "openai/clip-vit-base-patch32"
  std::string commit;
  std::vector<HubFile> files;

  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const HubFile& file : files) sum += file.size;
    return sum;
  }
};

// "owner/name", or a name alone as the hub's first models have it.
bool IsRepository(std::string_view text);

// Whether a file of a repository may be written below a folder of ours: no way leads out of it.
bool IsSafePath(std::string_view path);

struct HubChoice {
  bool pickles = false;
  std::string variant{};  // such as "fp16"; empty: the one without a name, where there is one
};

// The files to keep, in their order. An error says that there are weights only as pickles, or none.
Result<std::vector<HubFile>> ChooseFiles(const std::vector<HubFile>& files,
                                         const HubChoice& choice);

// Which of our plugins runs a model, by its config.json or model_index.json; empty: none that we
// know.
std::string PluginFor(std::string_view config_json, std::string_view model_index_json);

}  // namespace darkroom

#endif  // DARKROOM_CLI_HUB_HUB_FILES_H_
