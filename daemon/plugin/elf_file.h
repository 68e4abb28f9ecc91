// SPDX-License-Identifier: Apache-2.0
//
// ElfFile reads parts of a shared object (ELF, 64 bits, little-endian) without mapping or running
// it. The file may be anything: every offset and size in it is checked against the file's length
// before it is followed.
//
// It reads by pread() instead of mapping, so that a file cut short by someone else meanwhile is an
// error and no SIGBUS. One thread at a time.

#ifndef DARKROOM_PLUGIN_ELF_FILE_H_
#define DARKROOM_PLUGIN_ELF_FILE_H_

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace darkroom {

class ElfFile {
 public:
  struct Symbol {
    std::string name;
    bool defined = false;   // here, as against imported
    bool exported = false;  // defined, and visible to others
    bool unique = false;    // STB_GNU_UNIQUE: keeps its file mapped for good
  };
  struct Dynamic {
    std::vector<std::string> needed;
    std::string run_path;  // DT_RUNPATH, or else DT_RPATH
    bool no_delete = false;
  };

  // Opens the file and reads its headers. An error says in what the file is no shared object for
  // this machine.
  static Result<ElfFile> Open(const std::string& path);

  ElfFile(ElfFile&& other) noexcept;
  ElfFile& operator=(ElfFile&& other) noexcept;
  ~ElfFile();

  // The section of that name; nullopt if there is none.
  std::optional<Elf64_Shdr> FindSection(std::string_view name) const;

  // The bytes of a section, at most `limit`.
  Result<std::string> ReadSection(const Elf64_Shdr& section, uint64_t limit) const;

  Result<std::vector<Symbol>> ReadSymbols() const;
  Result<Dynamic> ReadDynamic() const;
  bool HasThreadLocals() const;

  // SHA-256 of the whole file, 64 hex digits.
  Result<std::string> Digest() const;

 private:
  ElfFile(int fd, uint64_t size) : fd_(fd), size_(size) {}

  Status ReadHeaders();
  Status Read(uint64_t offset, uint64_t size, void* out) const;

  int fd_ = -1;
  uint64_t size_ = 0;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Phdr> segments_;
  std::string section_names_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_ELF_FILE_H_
