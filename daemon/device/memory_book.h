// SPDX-License-Identifier: Apache-2.0
//
// MemoryBook remembers what models have turned out to need of a device, where that was more than
// was thought, so that they are given it at once the next time, also after a restart.
//
// For the io_context's thread. A book that cannot be read is an empty one, and one that cannot be
// written is kept in memory: it only spares work.

#ifndef DARKROOM_DEVICE_MEMORY_BOOK_H_
#define DARKROOM_DEVICE_MEMORY_BOOK_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace darkroom {

class MemoryBook {
 public:
  // An empty path: nothing is kept on disk.
  explicit MemoryBook(std::filesystem::path file);

  // In bytes; 0: nothing is known. `what` says what it is that needs it: plugin, weights, options.
  // What another of the same name needed says nothing.
  uint64_t NeedOf(const std::string& model, const std::string& what) const;
  void Note(const std::string& model, const std::string& what, uint64_t bytes);

 private:
  struct Line {
    std::string what;
    uint64_t bytes;
  };
  void Read();
  void Write() const;

  const std::filesystem::path file_;
  std::map<std::string, Line> lines_;
};

}  // namespace darkroom

#endif  // DARKROOM_DEVICE_MEMORY_BOOK_H_
