// SPDX-License-Identifier: Apache-2.0

#include "common/weight_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

#include "tests/plugins/common/temporary_file.h"

namespace darkroom {
namespace {

using testing::HasSubstr;

class WeightReaderTest : public testing::Test {
 protected:
  template <typename Action>
  std::string MessageOf(Action action) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), DR_FAILED_PRECONDITION);
      return error.what();
    }
    return "no error";
  }

  TemporaryFile temporary_{
      SafetensorsBytes(R"({"w":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},)"
                       R"("n":{"dtype":"I32","shape":[1],"data_offsets":[8,12]}})",
                       std::string(12, '\0'))};
  Safetensors file_ = Safetensors::Open(temporary_.path());
  WeightReader reader_{file_};
};

TEST_F(WeightReaderTest, GivesWhatFits) {
  EXPECT_EQ(reader_.Take("w", {2, 2}).scalar_type(), at::kHalf);
}

TEST_F(WeightReaderTest, NamesAMissingTensor) {
  EXPECT_THAT(MessageOf([&] { reader_.Take("bias", {2}); }), HasSubstr("'bias' is missing"));
}

TEST_F(WeightReaderTest, TellsDimensionsWithoutTaking) {
  EXPECT_EQ(reader_.Dimensions("w"), 2);
  EXPECT_EQ(reader_.Dimensions("n"), 1);
  EXPECT_EQ(reader_.Dimensions("bias"), -1);
  EXPECT_THAT(MessageOf([&] { reader_.CheckAllTaken(); }), HasSubstr("'w'"));
}

TEST_F(WeightReaderTest, NamesBothShapes) {
  EXPECT_THAT(MessageOf([&] { reader_.Take("w", {4}); }),
              HasSubstr("'w' has shape [2, 2], expected [4]"));
}

TEST_F(WeightReaderTest, WantsFloatingPoint) {
  EXPECT_THAT(MessageOf([&] { reader_.Take("n", {1}); }), HasSubstr("'n' holds integers"));
}

TEST_F(WeightReaderTest, NamesWhatIsLeftOver) {
  reader_.Take("w", {2, 2});
  EXPECT_THAT(MessageOf([&] { reader_.CheckAllTaken(); }),
              HasSubstr("1 tensors do not belong to this architecture: 'n'"));
}

TEST_F(WeightReaderTest, WhatIsIgnoredIsNotLeftOver) {
  EXPECT_TRUE(reader_.Has("n"));
  EXPECT_FALSE(reader_.Has("absent"));
  reader_.Take("w", {2, 2});
  reader_.Ignore("n");
  reader_.Ignore("absent");
  EXPECT_NO_THROW(reader_.CheckAllTaken());
}

}  // namespace
}  // namespace darkroom
