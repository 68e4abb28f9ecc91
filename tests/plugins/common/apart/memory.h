// SPDX-License-Identifier: Apache-2.0
//
// Memory of the apart device (device.h). Its addresses are none that a program may read or write:
// whoever takes them for the host's is ended by SIGSEGV, as with a GPU's. The device's own code
// reaches the same bytes by another address.
//
// Threads: any. Memory of a process lives as long as it does.

#ifndef DARKROOM_TESTS_PLUGINS_COMMON_APART_MEMORY_H_
#define DARKROOM_TESTS_PLUGINS_COMMON_APART_MEMORY_H_

#include <cstddef>
#include <map>
#include <mutex>

namespace darkroom::apart {

class Memory {
 public:
  // The most that is held at once.
  static constexpr size_t kSize = size_t{4} << 30;

  Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // On a cache line of its own; throws std::bad_alloc.
  void* Allocate(size_t bytes);
  void Free(void* address) noexcept;

  bool Holds(const void* address) const;
  // Where the device's own code finds the bytes of this address.
  std::byte* Seen(const void* address) const;

 private:
  std::byte* outside_ = nullptr;  // that nobody may touch
  std::byte* inside_ = nullptr;   // the same bytes
  std::mutex mutex_;
  std::map<size_t, size_t> free_;  // offset -> bytes, none beside another
  std::map<size_t, size_t> used_;
};

}  // namespace darkroom::apart

#endif  // DARKROOM_TESTS_PLUGINS_COMMON_APART_MEMORY_H_
