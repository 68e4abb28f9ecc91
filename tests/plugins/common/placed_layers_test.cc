// SPDX-License-Identifier: Apache-2.0

#include "common/placed_layers.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "common/nn/convolution.h"
#include "common/nn/feed_forward.h"
#include "common/nn/gated_feed_forward.h"
#include "common/nn/linear.h"
#include "tests/plugins/common/nn_test_weights.h"
#include "tests/plugins/common/save_tensors.h"
#include "tests/plugins/common/temporary_folder.h"

namespace darkroom {
namespace {

constexpr int64_t kWidth = 16;

// A layer of each kind that networks make of a checkpoint's tensors.
struct Network {
  nn::Linear joined;
  nn::Linear pointwise;
  nn::GatedFeedForward gated;
  nn::FeedForward scaled;
  nn::Convolution convolution;

  Network(const Checkpoint& checkpoint, const nn::Placement& placement, PlacedLayers* layers) {
    WeightReader reader(checkpoint, layers);
    const auto linear = [&](const char* name, int64_t inputs, int64_t outputs) {
      return nn::TakeLinear(reader, name, inputs, outputs);
    };
    joined =
        nn::Linear(nn::Join({linear("q", kWidth, kWidth), linear("k", kWidth, kWidth)}), placement);
    pointwise = nn::Linear(nn::AsLinear(nn::TakeConvolution(reader, "point", kWidth, kWidth, 1)),
                           placement);
    gated =
        nn::GatedFeedForward(linear("gate", kWidth, 4 * kWidth), linear("down", 2 * kWidth, kWidth),
                             nn::Activation::kGelu, placement);
    scaled = nn::FeedForward(linear("up2", kWidth, 2 * kWidth), linear("down2", 2 * kWidth, kWidth),
                             nn::Activation::kQuickGelu, placement);
    convolution =
        nn::Convolution(nn::TakeConvolution(reader, "conv", kWidth, kWidth, 3), 1, 1, placement);
    reader.CheckAllTaken();
  }

  std::vector<at::Tensor> operator()(const nn::Placement& placement) const {
    const at::Tensor input = placement.Place(nn::Random({3, kWidth}, 70));
    const at::Tensor picture = placement.Place(nn::Random({1, kWidth, 5, 5}, 71));
    return {joined(input), pointwise(input), gated(input, input), scaled(input, input),
            convolution(picture.contiguous(at::MemoryFormat::ChannelsLast))};
  }
};

WeightChanges ChangesTo(const std::vector<std::string>& layers, const std::string& identity,
                        double shift) {
  WeightChanges changes{identity, {}};
  for (const std::string& layer : layers)
    changes.tensors[layer + ".weight"] = [shift](const at::Tensor& weight) {
      return weight.to(at::kFloat) + shift;
    };
  return changes;
}

bool Equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  bool equal = a.size() == b.size();
  for (size_t i = 0; equal && i < a.size(); ++i) equal = at::equal(a[i], b[i]);
  return equal;
}

const std::vector<std::string>& All() {
  static const std::vector<std::string> kNames = {"q",    "k",   "point", "gate",
                                                  "down", "up2", "down2", "conv"};
  return kNames;
}

class PlacedLayersTest : public testing::TestWithParam<std::pair<nn::Engine, at::ScalarType>> {
 protected:
  PlacedLayersTest() {
    const int64_t w = kWidth;
    const std::map<std::string, std::vector<int64_t>> shapes = {
        {"q", {w, w}},        {"k", {w, w}},       {"point", {w, w, 1, 1}}, {"gate", {4 * w, w}},
        {"down", {w, 2 * w}}, {"up2", {2 * w, w}}, {"down2", {w, 2 * w}},   {"conv", {w, w, 3, 3}}};
    std::map<std::string, at::Tensor> tensors;
    uint64_t seed = 1;
    for (const auto& [name, shape] : shapes) {
      tensors[name + ".weight"] = nn::Random(shape, seed++) / 8.0;
      tensors[name + ".bias"] = nn::Random({shape[0]}, seed++);
    }
    SaveTensors(file_, tensors);
    checkpoint_ = Checkpoint::Open(file_);
    placement_.engine = GetParam().first;
    placement_.dtype = GetParam().second;
    layers_.emplace(*checkpoint_, at::kCPU, placement_.Copies());
    network_.emplace(*checkpoint_, placement_, &*layers_);
  }

  // What a network gives that was made with these changes.
  std::vector<at::Tensor> Made(const WeightChanges& changes) const {
    Checkpoint checkpoint = *checkpoint_;
    for (const auto& [name, change] : changes.tensors) checkpoint.SetChange(name, change);
    return Network(checkpoint, placement_, nullptr)(placement_);
  }
  std::vector<at::Tensor> Run() const { return (*network_)(placement_); }

  TemporaryFolder folder_;
  std::string file_ = folder_.path() + "/weights.safetensors";
  nn::Placement placement_;
  std::optional<Checkpoint> checkpoint_;
  std::optional<PlacedLayers> layers_;
  std::optional<Network> network_;
};

TEST_P(PlacedLayersTest, ChangesInPlaceAreThoseOfANetworkMadeWithThem) {
  const std::vector<at::Tensor> plain = Run();
  const WeightChanges one = ChangesTo(All(), "one", 0.25);
  const WeightChanges other = ChangesTo({"k", "gate", "conv"}, "other", -0.5);
  EXPECT_TRUE(Equal(plain, Made({})));
  layers_->Use(&one);
  EXPECT_TRUE(Equal(Run(), Made(one)));
  EXPECT_FALSE(Equal(Run(), plain));
  layers_->Use(&other);
  EXPECT_TRUE(Equal(Run(), Made(other)));
  layers_->Use(nullptr);
  EXPECT_TRUE(Equal(Run(), plain)) << "what was taken away has left something behind";
}

TEST_P(PlacedLayersTest, EachLayerIsOfItsTensor) {
  const std::vector<at::Tensor> plain = Run();
  for (const std::string& name : All()) {
    EXPECT_TRUE(layers_->Has(name + ".weight"));
    const WeightChanges one = ChangesTo({name}, name, 0.5);
    layers_->Use(&one);
    EXPECT_TRUE(Equal(Run(), Made(one))) << name;
    EXPECT_FALSE(Equal(Run(), plain)) << name;
  }
  EXPECT_FALSE(layers_->Has("nonsuch.weight"));
}

TEST_P(PlacedLayersTest, OnlyWhatChangesIsMadeAgain) {
  const WeightChanges one = ChangesTo({"q", "conv"}, "one", 0.5);
  const WeightChanges other = ChangesTo({"conv", "point"}, "other", 0.5);
  layers_->Use(&one);
  EXPECT_EQ(layers_->made(), 2U);
  layers_->Use(&one);
  EXPECT_EQ(layers_->made(), 2U);
  layers_->Use(&other);
  EXPECT_EQ(layers_->made(), 5U);
  layers_->Use(nullptr);
  EXPECT_EQ(layers_->made(), 7U);
}

TEST_P(PlacedLayersTest, ThoseThatAreNotMeantStay) {
  const WeightChanges one = ChangesTo(All(), "one", 0.25);
  const auto is_convolution = [](const std::vector<std::string>& tensors) {
    return tensors.front() == "conv.weight";
  };
  const std::vector<at::Tensor> plain = Run();
  layers_->Use(&one, is_convolution);
  EXPECT_TRUE(at::equal(Run().front(), plain.front()));
  EXPECT_FALSE(at::equal(Run().back(), plain.back()));
}

TEST_P(PlacedLayersTest, WhatFailsHalfwayIsMendedByTheNext) {
  const std::vector<at::Tensor> plain = Run();
  const WeightChanges good = ChangesTo(All(), "good", 0.25);
  for (const std::string& name : All()) {
    WeightChanges bad = ChangesTo(All(), "bad", 0.5);
    bad.tensors[name + ".weight"] = [](const at::Tensor&) -> at::Tensor {
      throw std::runtime_error("no memory");
    };
    EXPECT_THROW(layers_->Use(&bad), std::runtime_error);
    layers_->Use(&good);
    EXPECT_TRUE(Equal(Run(), Made(good))) << name;
    EXPECT_THROW(layers_->Use(&bad), std::runtime_error);
    layers_->Use(nullptr);
    EXPECT_TRUE(Equal(Run(), plain)) << name;
  }
  int left = 3;
  EXPECT_THROW(layers_->Use(&good, {},
                            [&left] {
                              if (--left == 0) throw std::runtime_error("cancelled");
                            }),
               std::runtime_error);
  EXPECT_FALSE(Equal(Run(), plain));
  layers_->Use(nullptr);
  EXPECT_TRUE(Equal(Run(), plain));
}

TEST_P(PlacedLayersTest, WhatWasPlacedInPartIsPlacedAgain) {
  PlacedLayers layers(*checkpoint_, at::kCPU, placement_.Copies());
  int placed = 0;
  bool fails = true;
  layers.Add({{"q.weight", "q.bias"}, [&](const PlacedLayers::Source& source) {
                source("q.weight");
                ++placed;
                if (fails) throw std::runtime_error("no memory for its bias");
              }});
  const WeightChanges one = ChangesTo({"q"}, "one", 0.5);
  EXPECT_THROW(layers.Use(&one), std::runtime_error);
  fails = false;
  layers.Use(nullptr);
  EXPECT_EQ(placed, 2) << "it was said to be as it was";
}

// Where weights are the file's own pages, what changes is beside them.
TEST_P(PlacedLayersTest, OwnMemoryIsCounted) {
  const bool is_mapped = placement_.engine == nn::Engine::kAten && placement_.dtype == at::kFloat;
  const uint64_t matrix = kWidth * kWidth * sizeof(float);
  const WeightChanges changes = ChangesTo({"q", "point", "gate"}, "one", 0.5);
  // A joined layer has its own memory at any time; the gate's two are half of its tensor each.
  EXPECT_EQ(layers_->OwnBytes(&changes), is_mapped ? matrix + 4 * matrix : 0);
  EXPECT_EQ(layers_->OwnBytes(), 0U);
  layers_->Use(&changes);
  EXPECT_EQ(layers_->OwnBytes(), layers_->OwnBytes(&changes));
  const WeightChanges other = ChangesTo({"down"}, "other", 0.5);
  EXPECT_EQ(layers_->OwnBytes(&other), is_mapped ? 7 * matrix : 0);
  layers_->Use(nullptr);
  EXPECT_EQ(layers_->OwnBytes(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Engines, PlacedLayersTest,
                         testing::Values(std::pair{nn::Engine::kAten, at::kFloat},
                                         std::pair{nn::Engine::kPacked, at::kFloat},
                                         std::pair{nn::Engine::kInt8, at::kFloat},
                                         std::pair{nn::Engine::kAten, at::kBFloat16}));

}  // namespace
}  // namespace darkroom
