// SPDX-License-Identifier: Apache-2.0

#include "common/generate/key_value_cache.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>

#include "common/nn/attention.h"

namespace darkroom {
namespace {

constexpr int64_t kWidth = 6;

// Stands for a network: what a layer makes of a token at a place, always the same.
at::Tensor QkvOf(int64_t layer, int64_t token, int64_t place) {
  const auto seed = static_cast<uint64_t>(layer * 10007 + token * 101 + place);
  return at::randn({3 * kWidth}, at::detail::createCPUGenerator(seed), at::kFloat);
}

class KeyValueCacheTest : public testing::Test {
 protected:
  // The next token of every row; compares every layer's answer with one computed from scratch.
  void Feed(const std::vector<std::vector<int64_t>>& tokens) {
    const int64_t place = cache_.rows() > 0 ? cache_.length() : 0;
    const auto rows = static_cast<int64_t>(tokens.size());
    const auto count = static_cast<int64_t>(tokens.front().size());
    std::vector<int64_t> flat;
    texts_.resize(tokens.size());
    for (size_t row = 0; row < tokens.size(); ++row) {
      flat.insert(flat.end(), tokens[row].begin(), tokens[row].end());
      texts_[row].insert(texts_[row].end(), tokens[row].begin(), tokens[row].end());
    }
    cache_.Extend(at::tensor(flat, at::kLong).view({rows, count}));
    for (int64_t layer = 0; layer < 2; ++layer) {
      std::vector<at::Tensor> all;
      for (const auto& text : texts_) {
        std::vector<at::Tensor> of_text;
        for (size_t at = 0; at < text.size(); ++at)
          of_text.push_back(QkvOf(layer, text[at], static_cast<int64_t>(at)));
        all.push_back(at::stack(of_text));
      }
      const at::Tensor qkv = at::stack(all);
      const auto parts = qkv.split(kWidth, -1);
      nn::Sight causal;
      causal.causal = true;
      const at::Tensor expected = nn::Attend(parts[0], parts[1], parts[2], 2, causal);
      const at::Tensor got = cache_.Attend(layer, qkv.narrow(1, place, count));
      EXPECT_TRUE(got.allclose(expected.narrow(1, place, count), 1e-5, 1e-6)) << "layer " << layer;
    }
  }
  void Reorder(const std::vector<int64_t>& parents) {
    cache_.Reorder(parents);
    std::vector<std::vector<int64_t>> texts;
    for (const int64_t parent : parents) texts.push_back(texts_[static_cast<size_t>(parent)]);
    texts_ = texts;
  }

  KeyValueCache cache_{{2, 2, 2, 8, kWidth, 2}, at::kFloat};
  std::vector<std::vector<int64_t>> texts_;
};

TEST_F(KeyValueCacheTest, BeamsChangePlacesWithoutLosingTheirPast) {
  Feed({{1, 2, 3}, {1, 5, 6}});
  cache_.Spread(2);
  texts_ = {texts_[0], texts_[0], texts_[1], texts_[1]};
  Feed({{4}, {5}, {4}, {5}});
  Reorder({1, 0, 2, 2});  // two change places, one is doubled
  Feed({{6}, {7}, {6}, {7}});
  Reorder({0, 1, 3, 2});
  Feed({{1}, {1}, {1}, {1}});
  Reorder({1, 1, 3, 3});
  Feed({{2}, {3}, {2}, {3}});
}

TEST_F(KeyValueCacheTest, TheLastSlotTakesTheRemovedOnesPlace) {
  Feed({{1, 2}, {3, 4}});
  cache_.Spread(2);
  texts_ = {texts_[0], texts_[0], texts_[1], texts_[1]};
  Feed({{4}, {5}, {6}, {7}});
  cache_.Remove(0);
  texts_ = {texts_[2], texts_[3]};
  EXPECT_EQ(cache_.rows(), 2);
  Feed({{8}, {9}});
}

TEST_F(KeyValueCacheTest, RefusesMoreThanItHasPlacesFor) {
  Feed({{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}});
  EXPECT_THROW(cache_.Extend(at::zeros({2, 4}, at::kLong)), Error);
}

TEST(KeyValueCache, TellsItsSize) {
  EXPECT_EQ(KeyValueCache::BytesOf({12, 2, 4, 100, 768, 12}, at::kFloat),
            12ull * 2 * 4 * 100 * 2 * 768 * 4);
}

}  // namespace
}  // namespace darkroom
