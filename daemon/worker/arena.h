// SPDX-License-Identifier: Apache-2.0
//
// The arena is the memory that the daemon and one worker share: a sealed memfd, which neither can
// shrink under the other, mapped by both. The daemon allots its blocks, so a worker that dies
// leaks nothing; its arena goes when the last reply out of it has been sent. Offsets cross between
// the two, never pointers.
//
// Arena is the daemon's end. Allocate and Free may be called from any thread, since the publisher
// frees a block when its reply is out. ArenaView is the worker's end: a mapping, any thread.
//
// What lies in it the worker may change at any time. The daemon reads nothing there that it
// relies on: offsets and sizes come by records and are checked against the blocks that it allotted.

#ifndef DARKROOM_WORKER_ARENA_H_
#define DARKROOM_WORKER_ARENA_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "core/buffer.h"
#include "core/status.h"

namespace darkroom {

// The address space and the descriptor of shared memory.
class SharedMemory {
 public:
  static Result<SharedMemory> Make(uint64_t size);  // sealed, not yet touched
  // Maps a descriptor that somebody else made; it must be sealed as Make does. Takes it over.
  static Result<SharedMemory> Map(int fd);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  int fd() const { return fd_; }
  std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }
  // Whether a run of bytes lies within.
  bool Holds(uint64_t offset, uint64_t size) const {
    return offset <= size_ && size <= size_ - offset;
  }

 private:
  SharedMemory(int fd, std::byte* data, uint64_t size) : fd_(fd), data_(data), size_(size) {}

  int fd_;
  std::byte* data_;
  uint64_t size_;
};

class Arena {
 public:
  struct Block {
    uint64_t offset = 0;
    uint64_t size = 0;

    bool Holds(uint64_t at, uint64_t length) const {
      return at >= offset && at - offset <= size && length <= size - (at - offset);
    }
  };

  explicit Arena(SharedMemory memory);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // The lowest run that fits, so that memory once touched is used again; nothing when there is
  // none.
  std::optional<Block> Allocate(uint64_t size);
  void Free(const Block& block);

  std::byte* At(uint64_t offset) const { return memory_.data() + offset; }
  int fd() const { return memory_.fd(); }
  uint64_t size() const { return memory_.size(); }
  uint64_t used() const;

 private:
  const SharedMemory memory_;
  mutable std::mutex mutex_;
  std::map<uint64_t, uint64_t> free_;  // guarded by mutex_: offset -> size, never adjacent
  uint64_t used_ = 0;                  // guarded by mutex_
};

// A block that gives itself back.
class ArenaBlock {
 public:
  ArenaBlock(std::shared_ptr<Arena> arena, Arena::Block block)
      : arena_(std::move(arena)), block_(block) {}
  ~ArenaBlock() { arena_->Free(block_); }
  ArenaBlock(const ArenaBlock&) = delete;
  ArenaBlock& operator=(const ArenaBlock&) = delete;

  const Arena::Block& place() const { return block_; }
  std::byte* data() const { return arena_->At(block_.offset); }
  uint64_t size() const { return block_.size; }

 private:
  const std::shared_ptr<Arena> arena_;
  const Arena::Block block_;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_ARENA_H_
