// SPDX-License-Identifier: Apache-2.0

#include "device/memory_book.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace darkroom {
namespace {

namespace fs = std::filesystem;

class MemoryBookTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "darkroom-book-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  fs::path file_() const { return folder_ / "state" / "memory.json"; }
};

TEST_F(MemoryBookTest, RemembersAcrossRestarts) {
  {
    MemoryBook book(file_());
    EXPECT_EQ(book.NeedOf("photo", "enhance 1"), 0U);
    book.Note("photo", "enhance 1", uint64_t{5} << 30);
    book.Note("text", "clip 1", 7);
    book.Note("photo", "enhance 1", uint64_t{6} << 30);
  }
  const MemoryBook book(file_());
  EXPECT_EQ(book.NeedOf("photo", "enhance 1"), uint64_t{6} << 30);
  EXPECT_EQ(book.NeedOf("text", "clip 1"), 7U);
}

TEST_F(MemoryBookTest, WhatAnotherNeededSaysNothing) {
  MemoryBook book(file_());
  book.Note("photo", "enhance 1", 5);
  EXPECT_EQ(book.NeedOf("photo", "enhance 2"), 0U);
  book.Note("photo", "enhance 2", 3);
  EXPECT_EQ(book.NeedOf("photo", "enhance 2"), 3U);
}

TEST_F(MemoryBookTest, ABookThatMakesNoSenseIsEmpty) {
  for (const char* text : {"", "{", "[]", "{\"photo\": 5}", "{\"photo\": {\"what\": \"x\"}}"}) {
    fs::create_directories(file_().parent_path());
    std::ofstream(file_()) << text;
    MemoryBook book(file_());
    EXPECT_EQ(book.NeedOf("photo", "x"), 0U) << text;
    book.Note("photo", "x", 5);
    EXPECT_EQ(MemoryBook(file_()).NeedOf("photo", "x"), 5U);
  }
}

TEST_F(MemoryBookTest, OneThatCannotBeWrittenIsKeptInMemory) {
  MemoryBook book("/proc/darkroom/memory.json");
  book.Note("photo", "x", 5);
  EXPECT_EQ(book.NeedOf("photo", "x"), 5U);
}

}  // namespace
}  // namespace darkroom
