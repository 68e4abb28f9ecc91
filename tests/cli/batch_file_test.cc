// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace darkroom {
namespace {

using testing::HasSubstr;

class BatchFileTest : public testing::Test {
 protected:
  ~BatchFileTest() override { std::remove(path_.c_str()); }

  Result<std::unique_ptr<BatchFile>> Open(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return BatchFile::Open(path_, {"echo", "bulk"});
  }

  // Named after the test: they may run at once.
  const std::string path_ = testing::TempDir() +
                            testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".batch.jsonl";
};

TEST_F(BatchFileTest, LinesAreReadAgainByTheirPlace) {
  auto file =
      Open("{\"id\": \"a\"}\n\n  \r\n{\"id\": \"b\", \"model\": \"mock\"}\r\n{\"params\": {}}");
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  const auto& entries = (*file)->entries();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[1].number, 4U);
  EXPECT_EQ((*file)->Find("b"), 1);
  EXPECT_EQ((*file)->Find("c"), -1);
  EXPECT_EQ((*file)->models(),
            (std::set<std::pair<std::string, std::string>>{{"bulk", "echo"}, {"bulk", "mock"}}));
  for (const size_t i : {size_t{2}, size_t{0}, size_t{1}}) {
    const Result<BatchLine> line = (*file)->Read(entries[i]);
    ASSERT_TRUE(line.ok()) << line.status().ToString();
    EXPECT_EQ(line->job.id, entries[i].id);
  }
}

TEST_F(BatchFileTest, WhatIsWrongNamesItsLine) {
  EXPECT_THAT(Open("{}\n{\"inptu\": 1}\n").status().message(), HasSubstr("line 2: "));
  EXPECT_THAT(Open("{}\n{").status().message(), HasSubstr("line 2: "));
  EXPECT_THAT(Open("{\"id\": \"a\"}\n{}\n{\"id\": \"a\"}").status().message(),
              HasSubstr("line 3: the id 'a' is that of line 1"));
  const Status missing = Open("{\"input\": \"/nonsuch/file\"}").status();
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("/nonsuch/file"));
}

TEST_F(BatchFileTest, AFileThatIsChangedIsToldOf) {
  auto file = Open("{\"id\": \"a\"}\n{\"id\": \"b\"}\n");
  ASSERT_TRUE(file.ok());
  std::ofstream(path_, std::ios::binary) << "{\"id\": \"c\"}\n";
  EXPECT_FALSE((*file)->Read((*file)->entries()[0]).ok());
  EXPECT_FALSE((*file)->Read((*file)->entries()[1]).ok());
}

TEST_F(BatchFileTest, AnEmptyOneHasNoJobs) {
  auto file = Open("\n");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->entries().empty());
  EXPECT_EQ(BatchFile::Open("/nonsuch/file", {}).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace darkroom
