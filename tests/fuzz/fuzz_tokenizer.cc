// SPDX-License-Identifier: Apache-2.0
//
// A tokenizer's files, which come with a model's weights: the first byte says which of them the
// rest is. A tokenizer that opens must be able to read a text.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <darkroom/plugin.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/text/tokenizer.h"
#include "common/text/tokenizer_files.h"

namespace {

struct File {
  const char* name;
  const char* beside;  // a further file, without which nobody looks at the first
  const char* beside_text;
};

constexpr File kFiles[] = {
    {"tokenizer.json", nullptr, nullptr},
    {"vocab.txt", nullptr, nullptr},
    {"spiece.model", "tokenizer_config.json", R"({"tokenizer_class": "SiglipTokenizer"})"},
    {"vocab.json", "merges.txt", "#version: 0.2\na b\n"},
    {"tokenizer_config.json", "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n"},
};

// One for the whole run: thousands of tries a second are to have it.
const std::filesystem::path& Folder() {
  static const std::filesystem::path folder =
      std::filesystem::path("/dev/shm") / ("darkroom-fuzz-" + std::to_string(getpid()));
  return folder;
}

void Write(const char* name, std::string_view text) {
  std::ofstream(Folder() / name, std::ios::binary) << text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const File& file = kFiles[data[0] % std::size(kFiles)];
  std::filesystem::remove_all(Folder());
  std::filesystem::create_directory(Folder());
  Write(file.name, {reinterpret_cast<const char*>(data) + 1, size - 1});
  if (file.beside != nullptr) Write(file.beside, file.beside_text);
  try {
    const auto tokenizer = darkroom::OpenTokenizer(Folder());
    (void)darkroom::PadTokenOf(Folder());
    (void)tokenizer->Encode("A photo of a b\xc3\xa9, 2 \xf0\x9f\x90\xb1.");
  } catch (const darkroom::Error&) {
  }
  std::filesystem::remove_all(Folder());
  return 0;
}
