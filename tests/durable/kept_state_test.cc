// SPDX-License-Identifier: Apache-2.0

#include "durable/kept_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace darkroom {
namespace {

using testing::HasSubstr;

const StateOwner kOwner = {"album-42", "diffusion", 7};

std::string Written(const std::string& bytes) {
  SavedState state;
  state.step = 12;
  state.plugin = "sdxl 1.2.0";
  state.weights = "ab12";
  state.bytes = Buffer::Copy(AsBytes(bytes));
  return std::string(AsText(WriteKeptState(kOwner, state).bytes()));
}

std::string WhyNot(const StateOwner& owner, const std::string& object) {
  const auto state = ReadKeptState(owner, AsBytes(object));
  EXPECT_FALSE(state.ok());
  EXPECT_EQ(state.status().code(), Code::kFailedPrecondition);
  return state.status().message();
}

TEST(KeptState, IsReadAsItWasWritten) {
  for (const std::string& bytes :
       {std::string("a\nb\0c", 5), std::string(), std::string(100'000, 'x')}) {
    const auto state = ReadKeptState(kOwner, AsBytes(Written(bytes)));
    ASSERT_TRUE(state.ok()) << state.status().ToString();
    EXPECT_EQ(state->step, 12U);
    EXPECT_EQ(state->plugin, "sdxl 1.2.0");
    EXPECT_EQ(state->weights, "ab12");
    EXPECT_TRUE(AsText(state->bytes.bytes()) == bytes);
  }
}

TEST(KeptState, IsItsOwnersAlone) {
  const std::string object = Written("bytes");
  EXPECT_EQ(WhyNot({"album-43", "diffusion", 7}, object),
            "the kept state's job is album-42, not album-43");
  EXPECT_EQ(WhyNot({"album-42", "turbo", 7}, object),
            "the kept state's model is diffusion, not turbo");
  EXPECT_EQ(WhyNot({"album-42", "diffusion", 8}, object),
            "the kept state's submission is 7, not 8");
}

TEST(KeptState, IsRefusedIfItIsCutOrLonger) {
  const std::string object = Written("some bytes");
  for (size_t size = 0; size < object.size(); ++size) {
    EXPECT_THAT(WhyNot(kOwner, object.substr(0, size)), HasSubstr("damaged")) << size;
  }
  EXPECT_THAT(WhyNot(kOwner, object + "x"), HasSubstr("it has 11 bytes"));
}

TEST(KeptState, NonsenseIsRefusedInWords) {
  EXPECT_THAT(WhyNot(kOwner, "[]\nbytes"), HasSubstr("its head is no JSON object"));
  EXPECT_THAT(WhyNot(kOwner, "{\nbytes"), HasSubstr("its head is no JSON object"));
  EXPECT_THAT(WhyNot(kOwner, std::string(5000, ' ') + "\nbytes"), HasSubstr("it has no head"));
  EXPECT_THAT(WhyNot(kOwner, "{\"format\": 2}\n"), HasSubstr("another version's format"));
  EXPECT_THAT(WhyNot(kOwner, "{\"format\": 1}\n"), HasSubstr("damaged"));
  EXPECT_THAT(WhyNot(kOwner, "{\"format\": \"1\"}\n"), HasSubstr("damaged"));
}

TEST(KeptState, NoFlippedByteOfTheHeadCrashes) {
  const std::string object = Written("bytes");
  std::mt19937 random(5);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = object;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto state = ReadKeptState(kOwner, AsBytes(damaged));
    if (state.ok()) continue;  // of its bytes, which are the plugin's to check
    EXPECT_EQ(state.status().code(), Code::kFailedPrecondition);
  }
}

}  // namespace
}  // namespace darkroom
