// SPDX-License-Identifier: Apache-2.0
//
// A shared library that exists as bytes only, made loadable: it gets a path, under which dlopen
// finds it as long as this lives, and nothing is written to a disk. The process must be allowed to
// fill files in memory (the manifest's resources.code).
//
// So that dlclose really unmaps it, symbols that are unique in the process (STB_GNU_UNIQUE, which
// g++ gives to templates' statics and which keep a library for good) become weak ones; that is
// right for a library that shares none of them with another.
//
// Ownership: the file in memory. Threads: one.

#ifndef DARKROOM_PLUGINS_COMMON_PROGRAM_LIBRARY_H_
#define DARKROOM_PLUGINS_COMMON_PROGRAM_LIBRARY_H_

#include <cstddef>
#include <span>
#include <string>

namespace darkroom {

class Library {
 public:
  // `bytes` is an ELF file, and is changed as said above. Throws Error: DR_FAILED_PRECONDITION when
  // it is none, DR_RESOURCE_EXHAUSTED when there is no room or no right for it.
  explicit Library(std::span<std::byte> bytes);
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library();

  const std::string& path() const { return path_; }

 private:
  int file_ = -1;
  std::string path_;
};

// Lets libraries load that were linked with libtorch.so: what they call is in libtorch_cpu.so, but
// libtorch.so needs the libraries of CUDA, which a host without a GPU lacks. Where they are not
// loaded an empty library takes its name, once for the process.
void StandInForLibtorch();

}  // namespace darkroom

#endif  // DARKROOM_PLUGINS_COMMON_PROGRAM_LIBRARY_H_
