// SPDX-License-Identifier: Apache-2.0

#include "worker/arena.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace darkroom {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr uint64_t kPage = 4096;
// Blocks begin on a cache line of their own.
constexpr uint64_t kGrain = 64;
// Free memory from here on is given back to the system; below, it is kept for the next block.
constexpr uint64_t kKept = uint64_t{64} << 20;

constexpr uint64_t RoundDown(uint64_t size, uint64_t unit) { return size / unit * unit; }
constexpr uint64_t RoundUp(uint64_t size, uint64_t unit) {
  return RoundDown(size + unit - 1, unit);
}

Status Failed(const char* what) {
  return Status::ResourceExhausted(fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

Result<std::byte*> MapAll(int fd, uint64_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (data == MAP_FAILED) return Failed("map shared memory");
  return static_cast<std::byte*>(data);
}

}  // namespace

Result<SharedMemory> SharedMemory::Make(uint64_t size) {
  size = RoundUp(size, kPage);
  const int fd = memfd_create("darkroom-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Failed("make shared memory");
  if (ftruncate(fd, static_cast<off_t>(size)) != 0 || fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
    Status failed = Failed("size shared memory");
    close(fd);
    return failed;
  }
  return Map(fd);
}

Result<SharedMemory> SharedMemory::Map(int fd) {
  struct stat about {};
  // -1, of what cannot be sealed, has every bit set.
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || fstat(fd, &about) != 0) {
    Status failed = Status::InvalidArgument("the shared memory is not sealed");
    close(fd);
    return failed;
  }
  const auto size = static_cast<uint64_t>(about.st_size);
  auto data = MapAll(fd, size);
  if (!data.ok()) {
    close(fd);
    return data.status();
  }
  return SharedMemory(fd, *data, size);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, size_);
  if (fd_ >= 0) close(fd_);
}

Arena::Arena(SharedMemory memory) : memory_(std::move(memory)) { free_.emplace(0, memory_.size()); }

std::optional<Arena::Block> Arena::Allocate(uint64_t size) {
  if (size > memory_.size()) return std::nullopt;
  size = RoundUp(size == 0 ? 1 : size, kGrain);
  const std::lock_guard lock(mutex_);
  for (auto run = free_.begin(); run != free_.end(); ++run) {
    if (run->second < size) continue;
    const Block block{run->first, size};
    const uint64_t rest = run->second - size;
    const auto after = free_.erase(run);
    if (rest > 0) free_.emplace_hint(after, block.offset + size, rest);
    used_ += size;
    return block;
  }
  return std::nullopt;
}

void Arena::Free(const Block& block) {
  uint64_t offset = block.offset;
  uint64_t size = block.size;
  const std::lock_guard lock(mutex_);
  used_ -= size;
  auto after = free_.lower_bound(offset);
  assert(after == free_.end() || after->first >= offset + size);
  if (after != free_.end() && after->first == offset + size) {
    size += after->second;
    after = free_.erase(after);
  }
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
      free_.erase(before);
    }
  }
  free_.emplace(offset, size);

  // Of the pages that this block had a part in, those that are free as a whole: others have been
  // given back before, or are in use.
  const uint64_t from =
      std::max(RoundUp(std::max(offset, kKept), kPage), RoundDown(block.offset, kPage));
  const uint64_t to =
      std::min(RoundDown(offset + size, kPage), RoundUp(block.offset + block.size, kPage));
  if (from < to) madvise(memory_.data() + from, to - from, MADV_REMOVE);
}

uint64_t Arena::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace darkroom
