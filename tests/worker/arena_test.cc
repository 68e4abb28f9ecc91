// SPDX-License-Identifier: Apache-2.0

#include "worker/arena.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <vector>

namespace darkroom {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

std::shared_ptr<Arena> MakeArena(uint64_t size) {
  auto memory = SharedMemory::Make(size);
  EXPECT_TRUE(memory.ok()) << memory.status().ToString();
  return std::make_shared<Arena>(std::move(*memory));
}

uint64_t Touched(int fd) {
  struct stat about {};
  EXPECT_EQ(fstat(fd, &about), 0);
  return static_cast<uint64_t>(about.st_blocks) * 512;
}

TEST(SharedMemory, CannotBeResized) {
  const auto memory = SharedMemory::Make(10'000);
  ASSERT_TRUE(memory.ok()) << memory.status().ToString();
  EXPECT_EQ(memory->size(), 12'288U);  // whole pages
  for (const off_t size : {0, 4096, 1 << 20}) {
    EXPECT_EQ(ftruncate(memory->fd(), size), -1);
    EXPECT_EQ(errno, EPERM);
  }
  EXPECT_EQ(fcntl(memory->fd(), F_ADD_SEALS, F_SEAL_WRITE), -1);
  EXPECT_NE(fcntl(memory->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(SharedMemory, IsSharedBetweenItsMappings) {
  const auto one = SharedMemory::Make(4096);
  ASSERT_TRUE(one.ok());
  const auto other = SharedMemory::Map(fcntl(one->fd(), F_DUPFD_CLOEXEC, 0));
  ASSERT_TRUE(other.ok()) << other.status().ToString();
  EXPECT_EQ(other->size(), one->size());
  ASSERT_NE(other->data(), one->data());
  one->data()[4095] = std::byte{7};
  EXPECT_EQ(other->data()[4095], std::byte{7});
}

TEST(SharedMemory, IsTakenOnlyWhenSealed) {
  const auto made = [](unsigned seals) {
    const int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT_EQ(ftruncate(fd, 4096), 0);
    EXPECT_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
  };
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  close(pipe_ends[1]);
  // What cannot be sealed at all, and yet be mapped.
  FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const int plain = dup(fileno(file));
  std::fclose(file);
  ASSERT_EQ(ftruncate(plain, 4096), 0);
  for (const int fd :
       {made(0), made(F_SEAL_SHRINK), made(F_SEAL_SHRINK | F_SEAL_GROW), pipe_ends[0], plain, -1}) {
    const auto memory = SharedMemory::Map(fd);
    EXPECT_EQ(memory.status().code(), Code::kInvalidArgument) << memory.status().ToString();
    EXPECT_EQ(fcntl(fd, F_GETFD), -1) << "the descriptor is still open";
  }
  EXPECT_TRUE(SharedMemory::Map(made(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)).ok());
}

TEST(SharedMemory, CannotBeOfAnySize) {
  EXPECT_FALSE(SharedMemory::Make(0).ok());
  EXPECT_FALSE(SharedMemory::Make(uint64_t{1} << 63).ok());
  EXPECT_FALSE(SharedMemory::Make(kMost).ok());
}

TEST(SharedMemory, HoldsWhatLiesWithin) {
  const auto memory = SharedMemory::Make(8192);
  ASSERT_TRUE(memory.ok());
  EXPECT_TRUE(memory->Holds(0, 8192));
  EXPECT_TRUE(memory->Holds(8192, 0));
  EXPECT_TRUE(memory->Holds(8191, 1));
  EXPECT_FALSE(memory->Holds(8191, 2));
  EXPECT_FALSE(memory->Holds(8193, 0));
  EXPECT_FALSE(memory->Holds(1, kMost));
  EXPECT_FALSE(memory->Holds(kMost, 1));
  EXPECT_FALSE(memory->Holds(kMost, kMost));
}

TEST(ArenaBlock, HoldsWhatLiesWithin) {
  const Arena::Block block{128, 64};
  EXPECT_TRUE(block.Holds(128, 64));
  EXPECT_TRUE(block.Holds(191, 1));
  EXPECT_TRUE(block.Holds(192, 0));
  EXPECT_FALSE(block.Holds(192, 1));
  EXPECT_FALSE(block.Holds(193, 0));
  EXPECT_FALSE(block.Holds(127, 1));
  EXPECT_FALSE(block.Holds(0, 64));
  EXPECT_FALSE(block.Holds(128, 65));
  EXPECT_FALSE(block.Holds(129, kMost));
  EXPECT_FALSE(block.Holds(kMost, 130));
  EXPECT_FALSE(block.Holds(kMost - 63, kMost));
}

TEST(ArenaBlock, GivesItselfBack) {
  const auto arena = MakeArena(4096);
  {
    const ArenaBlock block(arena, *arena->Allocate(100));
    EXPECT_EQ(block.data(), arena->At(block.place().offset));
    EXPECT_EQ(block.size(), 128U);
    EXPECT_EQ(arena->used(), 128U);
  }
  EXPECT_EQ(arena->used(), 0U);
}

TEST(Arena, BlocksLieOnLinesOfTheirOwn) {
  const auto arena = MakeArena(4096);
  for (const uint64_t size : {0U, 1U, 63U, 64U, 65U}) {
    const auto block = arena->Allocate(size);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->offset % 64, 0U);
    EXPECT_EQ(block->size, size <= 64 ? 64U : 128U);
  }
}

TEST(Arena, GivesTheLowestRunThatFits) {
  const auto arena = MakeArena(4096);
  const auto first = arena->Allocate(64);
  const auto second = arena->Allocate(256);
  const auto third = arena->Allocate(64);
  ASSERT_TRUE(first && second && third);
  arena->Free(*first);
  arena->Free(*second);
  // 64 and 256 are one run of 320 now, in front of the third.
  EXPECT_EQ(arena->Allocate(320)->offset, 0U);
  arena->Free({0, 320});
  EXPECT_EQ(arena->Allocate(384)->offset, third->offset + 64);
  EXPECT_EQ(arena->Allocate(128)->offset, 0U);
  EXPECT_EQ(arena->Allocate(128)->offset, 128U);
}

TEST(Arena, NeighboursBecomeOneRunInWhateverOrder) {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    const auto arena = MakeArena(4096);
    std::vector<Arena::Block> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(*arena->Allocate(1024));
    EXPECT_FALSE(arena->Allocate(1));
    for (const int i : order) arena->Free(blocks[static_cast<size_t>(i)]);
    EXPECT_EQ(arena->used(), 0U);
    EXPECT_TRUE(arena->Allocate(4096));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Arena, SaysWhenThereIsNoRoom) {
  const auto arena = MakeArena(4096);
  EXPECT_FALSE(arena->Allocate(4097));
  EXPECT_FALSE(arena->Allocate(kMost));
  const auto all = arena->Allocate(4033);  // rounded up, that is all
  ASSERT_TRUE(all);
  EXPECT_EQ(arena->used(), 4096U);
  EXPECT_FALSE(arena->Allocate(0));
  arena->Free(*all);
  EXPECT_TRUE(arena->Allocate(4096));
}

TEST(Arena, MemoryFarBehindIsGivenBackToTheSystem) {
  constexpr uint64_t kKept = uint64_t{64} << 20;
  constexpr uint64_t kMore = uint64_t{8} << 20;
  const auto arena = MakeArena(kKept + 2 * kMore);
  const auto touch = [&](const Arena::Block& block, uint64_t size) {
    std::memset(arena->At(block.offset + block.size - size), 1, size);
  };
  EXPECT_EQ(Touched(arena->fd()), 0U);
  const auto near = arena->Allocate(kKept);
  const auto far = arena->Allocate(kMore);
  touch(*near, 1 << 20);
  touch(*far, kMore);
  EXPECT_EQ(Touched(arena->fd()), (1U << 20) + kMore);
  arena->Free(*far);
  EXPECT_EQ(Touched(arena->fd()), 1U << 20);
  arena->Free(*near);  // kept, for the next
  EXPECT_EQ(Touched(arena->fd()), 1U << 20);

  // One that reaches from one part into the other loses the end of it only.
  const auto both = arena->Allocate(kKept + kMore);
  touch(*both, kMore + 4096);
  arena->Free(*both);
  EXPECT_EQ(Touched(arena->fd()), 1U << 20);
  EXPECT_EQ(*arena->At(kKept - 1), std::byte{1});
}

TEST(Arena, SmallBlocksFarBehindAreGivenBack) {
  constexpr uint64_t kKept = uint64_t{64} << 20;
  const auto arena = MakeArena(kKept + (1 << 20));
  ASSERT_TRUE(arena->Allocate(kKept));
  std::vector<Arena::Block> blocks;
  while (const auto block = arena->Allocate(1024 + 64)) {
    std::memset(arena->At(block->offset), 1, block->size);
    blocks.push_back(*block);
  }
  EXPECT_EQ(Touched(arena->fd()), 1U << 20);
  // None of them is a whole page, and every other one goes first.
  for (size_t i = 0; i < blocks.size(); i += 2) arena->Free(blocks[i]);
  for (size_t i = 1; i < blocks.size(); i += 2) {
    if (i != 101) arena->Free(blocks[i]);
  }
  EXPECT_LE(Touched(arena->fd()), 8192U);
  EXPECT_EQ(*arena->At(blocks[101].offset), std::byte{1});
  EXPECT_EQ(*arena->At(blocks[101].offset + blocks[101].size - 1), std::byte{1});
  arena->Free(blocks[101]);
  EXPECT_EQ(Touched(arena->fd()), 0U);
}

TEST(Arena, AgreesWithASimplerOneUnderRandomOperations) {
  constexpr uint64_t kGrains = 1024;
  std::mt19937 random(3);
  const auto arena = MakeArena(kGrains * 64);
  std::vector<bool> taken(kGrains);
  std::vector<Arena::Block> blocks;
  const auto first_fit = [&](uint64_t grains) -> std::optional<uint64_t> {
    uint64_t run = 0;
    for (uint64_t at = 0; at < kGrains; ++at) {
      run = taken[at] ? 0 : run + 1;
      if (run == grains) return at + 1 - grains;
    }
    return std::nullopt;
  };
  uint64_t refused = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (!blocks.empty() && random() % 100 < 48) {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      const Arena::Block block = blocks.back();
      blocks.pop_back();
      std::fill_n(taken.begin() + static_cast<int64_t>(block.offset / 64), block.size / 64, false);
      arena->Free(block);
    } else {
      const uint64_t size = 1 + random() % (random() % 8 == 0 ? 12'000 : 2000);
      const uint64_t grains = (size + 63) / 64;
      const auto expected = first_fit(grains);
      const auto block = arena->Allocate(size);
      ASSERT_EQ(block.has_value(), expected.has_value()) << step;
      if (!block) {
        ++refused;
        continue;
      }
      ASSERT_EQ(block->offset, *expected * 64) << step;
      ASSERT_EQ(block->size, grains * 64) << step;
      std::fill_n(taken.begin() + static_cast<int64_t>(*expected), grains, true);
      blocks.push_back(*block);
    }
    ASSERT_EQ(arena->used(),
              64 * static_cast<uint64_t>(std::count(taken.begin(), taken.end(), true)));
  }
  EXPECT_GT(refused, 100U);
}

TEST(Arena, IsSharedByThreads) {
  const auto arena = MakeArena(1 << 20);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&arena, t] {
      std::mt19937 random(static_cast<uint32_t>(t));
      const auto mine = static_cast<std::byte>(t + 1);
      std::vector<std::shared_ptr<ArenaBlock>> held;
      for (int i = 0; i < 5000; ++i) {
        if (const auto place = arena->Allocate(1 + random() % 4096)) {
          held.push_back(std::make_shared<ArenaBlock>(arena, *place));
          std::memset(held.back()->data(), t + 1, held.back()->size());
        }
        if (held.size() < 20) continue;
        const auto block = held[random() % held.size()];
        EXPECT_EQ(block->data()[0], mine);
        EXPECT_EQ(block->data()[block->size() - 1], mine);
        held.erase(std::find(held.begin(), held.end(), block));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(arena->used(), 0U);
}

TEST(Arena, ABlockIsFreedOnAnotherThread) {
  const auto arena = MakeArena(4096);
  auto block = std::make_shared<ArenaBlock>(arena, *arena->Allocate(4096));
  EXPECT_FALSE(arena->Allocate(1));
  std::thread([block = std::move(block)]() mutable { block.reset(); }).join();
  EXPECT_TRUE(arena->Allocate(4096));
}

}  // namespace
}  // namespace darkroom
