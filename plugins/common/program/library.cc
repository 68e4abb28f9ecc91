// SPDX-License-Identifier: Apache-2.0

#include "common/program/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <darkroom/plugin.hpp>

namespace darkroom {
namespace {

extern "C" {
// The file libtorch.so of this plugin's build, which is empty.
extern const std::byte kDarkroomEmptyLibtorch[];
extern const std::byte kDarkroomEmptyLibtorchEnd[];
}

[[noreturn]] void NoLibrary(const char* what) {
  throw Error(DR_FAILED_PRECONDITION, std::string("the package's code is damaged: ") + what);
}

// Of what the file holds at `offset`, checked to be within it.
template <typename Item>
Item* At(std::span<std::byte> bytes, uint64_t offset, uint64_t count = 1) {
  if (offset > bytes.size() || count > (bytes.size() - offset) / sizeof(Item) ||
      (reinterpret_cast<uintptr_t>(bytes.data()) + offset) % alignof(Item) != 0)
    NoLibrary("it is cut short");
  return reinterpret_cast<Item*>(bytes.data() + offset);
}

void WeakenUniqueSymbols(std::span<std::byte> bytes) {
  const auto* header = At<Elf64_Ehdr>(bytes, 0);
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_shentsize != sizeof(Elf64_Shdr))
    NoLibrary("it is no 64-bit ELF file");
  const auto* sections = At<Elf64_Shdr>(bytes, header->e_shoff, header->e_shnum);
  for (size_t i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_DYNSYM) continue;
    const uint64_t count = sections[i].sh_size / sizeof(Elf64_Sym);
    auto* symbols = At<Elf64_Sym>(bytes, sections[i].sh_offset, count);
    for (uint64_t k = 0; k < count; ++k)
      if (ELF64_ST_BIND(symbols[k].st_info) == STB_GNU_UNIQUE)
        symbols[k].st_info = ELF64_ST_INFO(STB_WEAK, ELF64_ST_TYPE(symbols[k].st_info));
  }
}

[[noreturn]] void NoRoom(const char* what) {
  throw Error(DR_RESOURCE_EXHAUSTED, std::string("cannot ") + what +
                                         " a file in memory for code: " + std::strerror(errno));
}

// Opens what `bytes` are as a file in memory.
int InMemory(std::span<const std::byte> bytes) {
  const int file = memfd_create("darkroom-code", MFD_CLOEXEC);
  if (file < 0) NoRoom("make");
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t some = write(file, bytes.data() + done, bytes.size() - done);
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0) {
      const int why = errno;
      close(file);
      errno = why;
      NoRoom("fill");
    }
    done += static_cast<size_t>(some);
  }
  return file;
}

std::string PathOf(int file) { return "/proc/self/fd/" + std::to_string(file); }

bool IsLoaded(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library != nullptr) dlclose(library);
  return library != nullptr;
}

}  // namespace

Library::Library(std::span<std::byte> bytes) {
  WeakenUniqueSymbols(bytes);
  file_ = InMemory(bytes);
  path_ = PathOf(file_);
  // The loader goes by the path alone. Where something keeps a library that had this one before, it
  // would be taken for ours: then its number is not used again.
  while (IsLoaded(path_)) {
    file_ = InMemory(bytes);
    path_ = PathOf(file_);
  }
}

Library::~Library() { close(file_); }

void StandInForLibtorch() {
  if (IsLoaded("libtorch.so")) return;
  if (IsLoaded("libtorch_cuda.so")) return;  // then the real one can load
  const int file = InMemory({kDarkroomEmptyLibtorch, kDarkroomEmptyLibtorchEnd});
  if (dlopen(PathOf(file).c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE) == nullptr)
    throw Error(DR_INTERNAL, std::string("libtorch.so's stand-in did not load: ") + dlerror());
  // It stays open, so that no other file gets its path.
}

}  // namespace darkroom
