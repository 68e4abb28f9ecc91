// SPDX-License-Identifier: Apache-2.0

#include "common/program/library.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <darkroom/plugin.hpp>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

namespace darkroom {
namespace {

std::vector<std::byte> Sticky() {
  std::ifstream file(STICKY_LIBRARY, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

using Handle = std::unique_ptr<void, int (*)(void*)>;

Handle Open(const std::string& path, int flags = RTLD_NOW) {
  return {dlopen(path.c_str(), flags), dlclose};
}

int Answer(const Handle& handle) {
  return reinterpret_cast<int (*)()>(dlsym(handle.get(), "StickyAnswer"))();
}

TEST(Library, IsLoadedFromMemoryAndReallyGivenBack) {
  std::vector<std::byte> bytes = Sticky();
  // What it is without our doing.
  ASSERT_NE(Open(STICKY_LIBRARY), nullptr);
  ASSERT_NE(Open(STICKY_LIBRARY, RTLD_NOW | RTLD_NOLOAD), nullptr) << "dlclose unmapped it";
  std::string first;
  for (int i = 0; i < 3; ++i) {
    const Library library(bytes);
    if (i == 0) first = library.path();
    EXPECT_EQ(library.path(), first) << "something kept its place";
    {
      const Handle handle = Open(library.path());
      ASSERT_NE(handle, nullptr) << dlerror();
      EXPECT_EQ(Answer(handle), 42) << "it is not a new one";
    }
    EXPECT_EQ(Open(library.path(), RTLD_NOW | RTLD_NOLOAD), nullptr);
  }
}

TEST(Library, APlaceThatIsKeptIsNotTakenAgain) {
  std::vector<std::byte> bytes = Sticky();
  std::string kept;
  {
    const Library library(bytes);
    kept = library.path();
    ASSERT_NE(dlopen(kept.c_str(), RTLD_NOW | RTLD_NODELETE), nullptr);
  }
  const Library next(bytes);
  EXPECT_NE(next.path(), kept);
  EXPECT_EQ(Answer(Open(next.path())), 42);
}

TEST(Library, WhatIsNoLibraryIsRefused) {
  const std::vector<std::byte> whole = Sticky();
  for (const size_t size : {size_t{0}, size_t{10}, sizeof(void*) * 8, whole.size() / 2}) {
    std::vector<std::byte> bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(Library{bytes}, Error) << size;
  }
  std::vector<std::byte> text(4096, std::byte{'a'});
  EXPECT_THROW(Library{text}, Error);
}

TEST(StandInForLibtorch, LetsWhatNeedsItsNameLoad) {
  StandInForLibtorch();
  EXPECT_NE(Open("libtorch.so", RTLD_NOW | RTLD_NOLOAD), nullptr);
  StandInForLibtorch();
}

}  // namespace
}  // namespace darkroom
