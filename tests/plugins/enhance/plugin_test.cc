// SPDX-License-Identifier: Apache-2.0
//
// The plugin's file through its ABI: configuration, weights that do not fit, requests, progress and
// cancel. Whether the pictures are right is test_parity.py's business.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/plugins/common/temporary_file.h"
#include "tests/plugins/enhance/mini_host.h"

namespace darkroom {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;
using Shapes = std::map<std::string, std::vector<int64_t>>;

// A file of small, different numbers under these names.
std::string WeightsOf(const Shapes& shapes, const Json& metadata = Json::object()) {
  Json header = {{"__metadata__", metadata}};
  std::string data;
  for (const auto& [name, shape] : shapes) {
    const size_t begin = data.size();
    int64_t count = 1;
    for (const int64_t edge : shape) count *= edge;
    for (int64_t i = 0; i < count; ++i) {
      const float value = 0.01F * static_cast<float>(i % 7 - 3);
      data.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  return SafetensorsBytes(header.dump(), data);
}

void AddConvolution(Shapes& shapes, const std::string& name, int64_t inputs, int64_t outputs) {
  shapes[name + ".weight"] = {outputs, inputs, 3, 3};
  shapes[name + ".bias"] = {outputs};
}

// SRVGGNetCompact x2 with two convolutions of eight features between the first and the last.
Shapes SmallSrvgg() {
  Shapes shapes;
  AddConvolution(shapes, "body.0", 3, 8);
  shapes["body.1.weight"] = {8};
  AddConvolution(shapes, "body.2", 8, 8);
  shapes["body.3.weight"] = {8};
  AddConvolution(shapes, "body.4", 8, 8);
  shapes["body.5.weight"] = {8};
  AddConvolution(shapes, "body.6", 8, 12);
  return shapes;
}

// RRDBNet x4 of one block.
Shapes SmallRrdbNet() {
  Shapes shapes;
  AddConvolution(shapes, "conv_first", 3, 8);
  for (int r = 1; r <= 3; ++r)
    for (int c = 1; c <= 5; ++c)
      AddConvolution(shapes, "body.0.rdb" + std::to_string(r) + ".conv" + std::to_string(c),
                     8 + 4 * (c - 1), c == 5 ? 8 : 4);
  for (const char* name : {"conv_body", "conv_up1", "conv_up2", "conv_hr"})
    AddConvolution(shapes, name, 8, 8);
  AddConvolution(shapes, "conv_last", 8, 3);
  return shapes;
}

Picture PictureOf(int64_t height, int64_t width, int64_t channels) {
  Picture picture = {{height, width, channels}, {}};
  for (int64_t i = 0; i < height * width * channels; ++i)
    picture.bytes.push_back(static_cast<uint8_t>(i * 37 % 251));
  return picture;
}

class EnhancePluginTest : public testing::Test {
 protected:
  static std::string Config(const std::string& path, const Json& options = Json::object()) {
    return Json{{"name", "photo"}, {"weights", path}, {"options", options}}.dump();
  }

  // Loads weights that must be refused, and returns the words.
  std::string LoadError(const std::string& bytes, dr_status expected = DR_FAILED_PRECONDITION) {
    const TemporaryFile file(bytes);
    EXPECT_EQ(host_.Create(Config(file.path())), DR_OK);
    EXPECT_EQ(host_.Load(), expected);
    host_.Unload();
    host_.Destroy();
    EXPECT_THAT(host_.error(), HasSubstr(file.path()));
    return host_.error();
  }

  MiniHost host_{ENHANCE_PLUGIN};
};

TEST_F(EnhancePluginTest, EnlargesEachKindOfPicture) {
  const TemporaryFile file(WeightsOf(SmallSrvgg()));
  ASSERT_EQ(host_.Create(Config(file.path())), DR_OK);
  ASSERT_EQ(host_.Load(), DR_OK) << host_.error();
  for (int64_t channels = 1; channels <= 4; ++channels) {
    ASSERT_EQ(host_.Run(PictureOf(5, 9, channels), "{}"), DR_OK) << host_.error();
    EXPECT_EQ(host_.output().shape, (std::vector<int64_t>{10, 18, channels}));
  }
  ASSERT_EQ(host_.Run(PictureOf(1, 1, 3), "{}"), DR_OK) << host_.error();
  EXPECT_EQ(host_.output().shape, (std::vector<int64_t>{2, 2, 3}));
  ASSERT_EQ(host_.Run(PictureOf(5, 9, 3), R"({"scale":1.5})"), DR_OK) << host_.error();
  EXPECT_EQ(host_.output().shape, (std::vector<int64_t>{8, 14, 3}));
}

TEST_F(EnhancePluginTest, LoadsAgainAfterUnload) {
  const TemporaryFile file(WeightsOf(SmallRrdbNet()));
  ASSERT_EQ(host_.Create(Config(file.path())), DR_OK);
  ASSERT_EQ(host_.Load(), DR_OK) << host_.error();
  ASSERT_EQ(host_.Run(PictureOf(6, 7, 3), "{}"), DR_OK);
  const std::vector<uint8_t> first = host_.output().bytes;
  EXPECT_EQ(host_.output().shape, (std::vector<int64_t>{24, 28, 3}));
  host_.Unload();
  ASSERT_EQ(host_.Load(), DR_OK) << host_.error();
  ASSERT_EQ(host_.Run(PictureOf(6, 7, 3), "{}"), DR_OK);
  EXPECT_EQ(host_.output().bytes, first);
}

TEST_F(EnhancePluginTest, TellsProgressBeforeEachTile) {
  const TemporaryFile file(WeightsOf(SmallSrvgg()));
  ASSERT_EQ(host_.Create(Config(file.path(), {{"tile", 32}, {"tile_padding", 4}})), DR_OK);
  ASSERT_EQ(host_.Load(), DR_OK) << host_.error();
  ASSERT_EQ(host_.Run(PictureOf(80, 40, 3), "{}"), DR_OK) << host_.error();
  ASSERT_EQ(host_.progress().size(), 3U);
  EXPECT_EQ(host_.progress().front(), 0.0);
  EXPECT_NEAR(host_.progress().back(), 2.0 / 3.0, 1e-9);
  // The request's own tile wins over the model's.
  ASSERT_EQ(host_.Run(PictureOf(80, 40, 3), R"({"tile":0})"), DR_OK) << host_.error();
  EXPECT_EQ(host_.progress().size(), 1U);
}

TEST_F(EnhancePluginTest, StopsBetweenTilesWhenCancelled) {
  const TemporaryFile file(WeightsOf(SmallSrvgg()));
  ASSERT_EQ(host_.Create(Config(file.path(), {{"tile", 32}, {"tile_padding", 4}})), DR_OK);
  ASSERT_EQ(host_.Load(), DR_OK) << host_.error();
  host_.CancelAfter(2);
  EXPECT_EQ(host_.Run(PictureOf(300, 300, 3), "{}"), DR_CANCELLED);
  EXPECT_EQ(host_.progress().size(), 3U);
  host_.CancelAfter(-1);
  EXPECT_EQ(host_.Run(PictureOf(30, 30, 3), "{}"), DR_OK) << "the instance must go on";
}

TEST_F(EnhancePluginTest, RefusesAScaleBeyondTheModels) {
  const TemporaryFile file(WeightsOf(SmallSrvgg()));
  ASSERT_EQ(host_.Create(Config(file.path())), DR_OK);
  ASSERT_EQ(host_.Load(), DR_OK) << host_.error();
  EXPECT_EQ(host_.Run(PictureOf(8, 8, 3), R"({"scale":4})"), DR_INVALID_ARGUMENT);
  EXPECT_THAT(host_.error(), HasSubstr("within 1 and 2"));
}

TEST_F(EnhancePluginTest, RefusesWhatIsNoPicture) {
  const TemporaryFile file(WeightsOf(SmallSrvgg()));
  ASSERT_EQ(host_.Create(Config(file.path())), DR_OK);
  ASSERT_EQ(host_.Load(), DR_OK) << host_.error();
  EXPECT_EQ(host_.Run(PictureOf(8, 8, 5), "{}"), DR_INVALID_ARGUMENT);
  EXPECT_EQ(host_.Run(PictureOf(0, 8, 3), "{}"), DR_INVALID_ARGUMENT);
  EXPECT_EQ(host_.Run(Picture{{64}, std::vector<uint8_t>(64)}, "{}"), DR_INVALID_ARGUMENT);
}

TEST_F(EnhancePluginTest, RefusesOptionsItDoesNotKnow) {
  const std::vector<std::pair<Json, const char*>> cases = {
      {{{"tiles", 64}}, "'tiles' is unknown"},
      {{{"tile", 31}}, "below 32"},
      {{{"tile", "big"}}, "expected an integer"},
      {{{"tile", 1e9}}, "expected an integer"},
      {{{"tile_padding", -1}}, "from 0 to 1024"},
      {{{"threads", 0}}, "from 1 to"},
      {{{"dtype", "int8"}}, "expected one of auto, float32"},
      {{{"engine", 7}}, "expected one of auto, winograd"},
      {Json::array(), "no mapping"},
  };
  for (const auto& [options, words] : cases) {
    EXPECT_EQ(host_.Create(Config("/weights", options)), DR_INVALID_ARGUMENT) << options;
    EXPECT_THAT(host_.error(), HasSubstr(words));
  }
  EXPECT_EQ(host_.Create(R"({"name":"photo"})"), DR_INVALID_ARGUMENT);
  EXPECT_THAT(host_.error(), HasSubstr("no weights"));
}

TEST_F(EnhancePluginTest, NamesAMissingFile) {
  ASSERT_EQ(host_.Create(Config("/nowhere/x.safetensors")), DR_OK);
  EXPECT_EQ(host_.Load(), DR_NOT_FOUND);
  EXPECT_THAT(host_.error(), HasSubstr("/nowhere/x.safetensors"));
}

TEST_F(EnhancePluginTest, NamesWhatIsWrongWithWeights) {
  const std::string good = WeightsOf(SmallRrdbNet());
  EXPECT_THAT(LoadError(good.substr(0, good.size() / 2)), HasSubstr("lie outside"));

  const auto changed = [](Shapes shapes, const std::function<void(Shapes&)>& change) {
    change(shapes);
    return WeightsOf(shapes);
  };
  EXPECT_THAT(LoadError(changed(SmallRrdbNet(), [](Shapes& s) { s.erase("conv_hr.bias"); })),
              HasSubstr("'conv_hr.bias' is missing"));
  EXPECT_THAT(LoadError(changed(SmallRrdbNet(), [](Shapes& s) { s["conv_extra.bias"] = {3}; })),
              HasSubstr("'conv_extra.bias'"));
  EXPECT_THAT(LoadError(changed(SmallRrdbNet(),
                                [](Shapes& s) {
                                  s["body.0.rdb2.conv3.weight"] = {4, 15, 3, 3};
                                })),
              HasSubstr("'body.0.rdb2.conv3.weight' has shape [4, 15, 3, 3], expected [4, 16, 3, "
                        "3]"));
  EXPECT_THAT(LoadError(changed(SmallRrdbNet(),
                                [](Shapes& s) {
                                  s["conv_first.weight"] = {8, 5, 3, 3};
                                })),
              HasSubstr("reads 3 (x4), 12 (x2) or 48 (x1) channels"));
  EXPECT_THAT(LoadError(changed(SmallSrvgg(),
                                [](Shapes& s) {
                                  s["body.6.weight"] = {13, 8, 3, 3};
                                })),
              HasSubstr("not 3 times the square"));
  EXPECT_THAT(LoadError(changed(SmallSrvgg(), [](Shapes& s) { s.erase("body.3.weight"); })),
              HasSubstr("'body.3.weight' is missing"));
  EXPECT_THAT(LoadError(WeightsOf({{"model.0.weight", {1}}})), HasSubstr("neither RRDBNet"));
  EXPECT_THAT(LoadError(WeightsOf(SmallRrdbNet(), {{"architecture", "SRVGGNetCompact"}})),
              HasSubstr("the metadata says architecture is 'SRVGGNetCompact'"));
  EXPECT_THAT(LoadError(WeightsOf(SmallRrdbNet(), {{"num_block", "23"}})),
              HasSubstr("num_block is '23', the tensors say 1"));
}

}  // namespace
}  // namespace darkroom
