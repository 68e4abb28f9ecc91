// SPDX-License-Identifier: Apache-2.0

#include "common/generate/generate.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <darkroom/plugin.hpp>
#include <set>

namespace darkroom {
namespace {

using testing::ElementsAre;

constexpr int64_t kVocabulary = 12;
constexpr int64_t kEnd = 0;

// A decoder whose scores depend on a text's slot and its last two tokens alone, so that a wrong
// parent or a lost slot shows.
class FakeDecoder final : public TextDecoder {
 public:
  explicit FakeDecoder(std::vector<int64_t> contexts) {
    for (const int64_t context : contexts) rows_.push_back({context, {}});
  }

  at::Tensor Feed(const at::Tensor& tokens) override {
    EXPECT_EQ(tokens.size(0), static_cast<int64_t>(rows_.size()));
    std::vector<at::Tensor> scores;
    for (size_t row = 0; row < rows_.size(); ++row) {
      for (int64_t at = 0; at < tokens.size(1); ++at)
        rows_[row].text.push_back(tokens[static_cast<int64_t>(row)][at].item<int64_t>());
      const auto& text = rows_[row].text;
      const int64_t before = text.size() > 1 ? text[text.size() - 2] : 7;
      const auto seed =
          static_cast<uint64_t>(rows_[row].context * 1009 + text.back() * 31 + before);
      scores.push_back(3 *
                       at::randn({kVocabulary}, at::detail::createCPUGenerator(seed), at::kFloat));
    }
    return at::stack(scores);
  }
  void Spread(int64_t beams) override {
    beams_ = beams;
    std::vector<Row> rows;
    for (const Row& row : rows_) rows.insert(rows.end(), static_cast<size_t>(beams), row);
    rows_ = rows;
  }
  void Reorder(std::span<const int64_t> parents) override {
    std::vector<Row> rows;
    for (const int64_t parent : parents) rows.push_back(rows_[static_cast<size_t>(parent)]);
    rows_ = rows;
  }
  void Remove(int64_t slot) override {
    std::move(rows_.end() - beams_, rows_.end(), rows_.begin() + slot * beams_);
    rows_.resize(rows_.size() - static_cast<size_t>(beams_));
  }

 private:
  struct Row {
    int64_t context;
    std::vector<int64_t> text;
  };
  std::vector<Row> rows_;
  int64_t beams_ = 1;
};

TextRequest Request(int64_t beams, bool sample, uint64_t seed) {
  TextRequest request;
  request.prompt = {3, 4};
  request.settings.max_new_tokens = 9;
  request.settings.end = {kEnd};
  request.settings.beams = beams;
  request.settings.sample = sample;
  request.settings.seed = seed;
  return request;
}

class Together : public testing::TestWithParam<std::pair<int64_t, bool>> {};

TEST_P(Together, EachTextIsAsItIsAlone) {
  const auto [beams, sample] = GetParam();
  std::vector<TextRequest> requests;
  std::vector<int64_t> contexts;
  std::vector<std::vector<int64_t>> alone;
  for (int64_t at = 0; at < 6; ++at) {
    contexts.push_back(at);
    requests.push_back(Request(beams, sample, static_cast<uint64_t>(at)));
    FakeDecoder decoder({at});
    alone.push_back(Generate(decoder, {&requests.back(), 1}).front().tokens);
  }
  FakeDecoder decoder(contexts);
  const auto together = Generate(decoder, requests);
  std::set<size_t> lengths;
  for (size_t at = 0; at < requests.size(); ++at) {
    EXPECT_EQ(together[at].tokens, alone[at]) << at;
    lengths.insert(alone[at].size());
  }
  EXPECT_GT(lengths.size(), 1u) << "all end at once: removing a slot was not tried";
}

INSTANTIATE_TEST_SUITE_P(Generate, Together,
                         testing::Values(std::pair<int64_t, bool>{1, false},
                                         std::pair<int64_t, bool>{1, true},
                                         std::pair<int64_t, bool>{4, false}));

TEST(Generate, StopsWhereNobodyWaits) {
  FakeDecoder decoder({1});
  TextRequest request = Request(1, false, 0);
  request.settings.end = {};
  std::vector<int64_t> told;
  request.on_token = [&](int64_t tokens) {
    told.push_back(tokens);
    return tokens < 3;
  };
  const auto written = Generate(decoder, {&request, 1});
  EXPECT_TRUE(written.front().cancelled);
  EXPECT_THAT(told, ElementsAre(1, 2, 3));
}

TEST(Generate, RefusesSamplingWithBeams) {
  FakeDecoder decoder({1});
  const TextRequest request = Request(2, true, 0);
  EXPECT_THROW(Generate(decoder, {&request, 1}), Error);
}

TEST(Generate, GroupsByPromptLengthAndBeams) {
  std::vector<TextRequest> requests = {Request(1, false, 0), Request(2, false, 0),
                                       Request(1, true, 0), Request(1, false, 0)};
  requests[3].prompt = {1};
  EXPECT_THAT(GroupRequests(requests),
              ElementsAre(ElementsAre(3), ElementsAre(0, 2), ElementsAre(1)));
}

TEST(WrittenText, ConfidenceIsTheGeometricMean) {
  WrittenText text;
  EXPECT_EQ(text.Confidence(), 0);
  text.tokens = {1, 2};
  text.log_probability = std::log(0.25);
  EXPECT_DOUBLE_EQ(text.Confidence(), 0.5);
}

}  // namespace
}  // namespace darkroom
