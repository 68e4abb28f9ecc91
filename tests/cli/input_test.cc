// SPDX-License-Identifier: Apache-2.0

#include "cli/input.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace darkroom {
namespace {

using Source = InputArgument::Source;

TEST(ParseInputs, UnderstandsAllForms) {
  const auto inputs = ParseInputs({"photo.jpg", "mask=@mask.png", "prompt=a = b", "extra=@-"});
  ASSERT_TRUE(inputs.ok()) << inputs.status().ToString();
  ASSERT_EQ(inputs->size(), 4U);
  const auto expect = [&](size_t i, const char* name, Source source, const char* value) {
    EXPECT_EQ((*inputs)[i].name, name);
    EXPECT_EQ((*inputs)[i].source, source);
    EXPECT_EQ((*inputs)[i].value, value);
  };
  expect(0, "", Source::kFile, "photo.jpg");
  expect(1, "mask", Source::kFile, "mask.png");
  expect(2, "prompt", Source::kText, "a = b");
  expect(3, "extra", Source::kStandardInput, "");
}

TEST(ParseInputs, APathMayHaveAnEqualsSign) {
  for (const char* path : {"./name=x.png", "1=2.png", "a.b=c", "@name=x.png"}) {
    const auto inputs = ParseInputs({path});
    ASSERT_TRUE(inputs.ok()) << path;
    EXPECT_EQ(inputs->front().name, "") << path;
    EXPECT_EQ(inputs->front().source, Source::kFile) << path;
  }
}

TEST(ParseInputs, RefusesWhatHasNoOneMeaning) {
  EXPECT_EQ(ParseInputs({"a.png", "b.png"}).status().message(), "-i is given twice without a name");
  EXPECT_EQ(ParseInputs({"m=1", "m=2"}).status().message(), "input 'm' is given twice");
  EXPECT_EQ(ParseInputs({"-", "m=@-"}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseInputs({""}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseInputs({"m=@"}).status().code(), Code::kInvalidArgument);
}

TEST(ReadInput, ReadsAFileWhole) {
  const std::string path = testing::TempDir() + "cli_input_test";
  std::string content(300'000, 'x');
  content[123'456] = '\0';
  std::ofstream(path, std::ios::binary) << content;
  const Result<Input> input = ReadInput({"mask", Source::kFile, path});
  std::remove(path.c_str());
  ASSERT_TRUE(input.ok()) << input.status().ToString();
  EXPECT_EQ(input->data, content);
  EXPECT_EQ(input->name, "mask");
  EXPECT_EQ(input->path, path);
  EXPECT_FALSE(input->is_text);
}

TEST(ReadInput, SaysWhyAFileCannotBeRead) {
  const Status missing = ReadInput({"", Source::kFile, "no/such/file"}).status();
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_EQ(missing.message(), "cannot read 'no/such/file': No such file or directory");
  const Status folder = ReadInput({"", Source::kFile, testing::TempDir()}).status();
  EXPECT_NE(folder.message().find("Is a directory"), std::string::npos) << folder.message();
}

TEST(ReadInput, StopsAtWhatNoMessageCanHold) {
  // An endless source: the limit, and not its end, must stop the reading.
  EXPECT_EQ(ReadInput({"", Source::kFile, "/dev/zero"}).status().code(), Code::kTooLarge);
}

TEST(ReadInput, TextMustBeUtf8) {
  EXPECT_TRUE(ReadInput({"prompt", Source::kText, "Bär"}).ok());
  EXPECT_EQ(ReadInput({"prompt", Source::kText, "B\xe4r"}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace darkroom
