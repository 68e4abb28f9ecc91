// SPDX-License-Identifier: Apache-2.0

#include "tests/plugins/common/apart/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <system_error>

namespace darkroom::apart {
namespace {

constexpr size_t kLine = 64;

std::byte* Map(int file, int access) {
  void* const address = ::mmap(nullptr, Memory::kSize, access, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (address == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
  return static_cast<std::byte*>(address);
}

}  // namespace

Memory::Memory() {
  const int file = ::memfd_create("apart", MFD_CLOEXEC);
  if (file < 0 || ::ftruncate(file, kSize) != 0)
    throw std::system_error(errno, std::generic_category(), "memfd_create");
  outside_ = Map(file, PROT_NONE);
  inside_ = Map(file, PROT_READ | PROT_WRITE);
  ::close(file);
  free_[0] = kSize;
}

void* Memory::Allocate(size_t bytes) {
  const size_t size = std::max<size_t>((bytes + kLine - 1) / kLine, 1) * kLine;
  const std::lock_guard lock(mutex_);
  for (auto at = free_.begin(); at != free_.end(); ++at) {
    const auto [offset, room] = *at;
    if (room < size) continue;
    free_.erase(at);
    if (room > size) free_[offset + size] = room - size;
    used_[offset] = size;
    return outside_ + offset;
  }
  throw std::bad_alloc();
}

void Memory::Free(void* address) noexcept {
  const std::lock_guard lock(mutex_);
  auto offset = static_cast<size_t>(static_cast<std::byte*>(address) - outside_);
  auto size = used_.extract(offset).mapped();
  const auto after = free_.find(offset + size);
  if (after != free_.end()) {
    size += after->second;
    free_.erase(after);
  }
  const auto next = free_.lower_bound(offset);
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += size;
      return;
    }
  }
  free_[offset] = size;
}

bool Memory::Holds(const void* address) const {
  const auto* const byte = static_cast<const std::byte*>(address);
  return byte >= outside_ && byte < outside_ + kSize;
}

std::byte* Memory::Seen(const void* address) const {
  return inside_ + (static_cast<const std::byte*>(address) - outside_);
}

}  // namespace darkroom::apart
