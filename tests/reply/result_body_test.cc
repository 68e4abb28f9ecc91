// SPDX-License-Identifier: Apache-2.0

#include "reply/result_body.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

namespace darkroom {
namespace {

using host::Output;
using host::OutputKind;
using nlohmann::json;
using Body = ReplyForm::Body;

std::vector<Output> One(OutputKind kind, Bytes bytes, std::string dtype = "",
                        std::vector<int64_t> shape = {}) {
  std::vector<Output> outputs;
  outputs.push_back({"out", kind, kind == OutputKind::kImage ? "image/png" : "application/x",
                     std::move(dtype), std::move(shape), Buffer::Copy(bytes)});
  return outputs;
}

TEST(ResultBody, PassesRawBytesOnUncopied) {
  auto outputs = One(OutputKind::kImage, AsBytes("pixels"));
  const std::byte* data = outputs[0].bytes.data();
  const ResultBody body = FormResult(Body::kRaw, "j", std::move(outputs));
  EXPECT_EQ(body.bytes.data(), data);
  EXPECT_EQ(body.content_type, "image/png");
}

TEST(ResultBody, WritesJson) {
  const ResultBody body =
      FormResult(Body::kJson, "j", One(OutputKind::kImage, AsBytes("hello"), "", {4, 2, 3}));
  EXPECT_EQ(body.content_type, "application/json");
  EXPECT_EQ(json::parse(AsText(body.bytes.bytes())),
            json::parse(R"({"job":"j","outputs":{"out":{"content_type":"image/png",)"
                        R"("shape":[4,2,3],"base64":"aGVsbG8="}}})"));
}

TEST(ResultBody, WritesCbor) {
  const ResultBody body = FormResult(Body::kCbor, "j", One(OutputKind::kBytes, AsBytes("hello")));
  const auto* data = reinterpret_cast<const uint8_t*>(body.bytes.data());
  const json parsed = json::from_cbor(data, data + body.bytes.size());
  EXPECT_EQ(parsed["outputs"]["out"]["bytes"], json::binary({'h', 'e', 'l', 'l', 'o'}));
}

TEST(ResultBody, WritesTensorsAsNumbers) {
  const float values[] = {1.5F, -2.0F};
  const Bytes bytes = {reinterpret_cast<const std::byte*>(values), sizeof values};
  const ResultBody body =
      FormResult(Body::kJson, "j", One(OutputKind::kTensor, bytes, "float32", {2}));
  EXPECT_EQ(json::parse(AsText(body.bytes.bytes()))["outputs"]["out"],
            json::parse(R"({"dtype":"float32","shape":[2],"data":[1.5,-2.0]})"));
  // bfloat16 has no JSON numbers of its own: its bytes travel.
  const ResultBody half =
      FormResult(Body::kJson, "j", One(OutputKind::kTensor, AsBytes("ab"), "bfloat16", {1}));
  EXPECT_EQ(json::parse(AsText(half.bytes.bytes()))["outputs"]["out"]["base64"], "YWI=");
}

TEST(ResultBody, WritesTensorsAsBytesWhereThatIsAskedFor) {
  const auto in_json = FormResult(Body::kJsonBytes, "j",
                                  One(OutputKind::kTensor, AsBytes("hello..."), "float32", {2}));
  EXPECT_EQ(in_json.content_type, "application/json");
  EXPECT_EQ(json::parse(AsText(in_json.bytes.bytes()))["outputs"]["out"],
            json::parse(R"({"dtype":"float32","shape":[2],"base64":"aGVsbG8uLi4="})"));
  const auto in_cbor = FormResult(Body::kCborBytes, "j",
                                  One(OutputKind::kTensor, AsBytes("hello..."), "float32", {2}));
  EXPECT_EQ(in_cbor.content_type, "application/cbor");
  const auto* data = reinterpret_cast<const uint8_t*>(in_cbor.bytes.bytes().data());
  const json out = json::from_cbor(data, data + in_cbor.bytes.bytes().size())["outputs"]["out"];
  EXPECT_EQ(out["bytes"].get_binary().size(), 8U);
}

TEST(ResultBody, ReplacesTextThatIsNoUtf8) {
  const ResultBody body = FormResult(Body::kJson, "j", One(OutputKind::kText, AsBytes("a\xff")));
  EXPECT_EQ(json::parse(AsText(body.bytes.bytes()))["outputs"]["out"]["text"], "a\xef\xbf\xbd");
}

TEST(ResultBody, IsJsonWhereSeveralAreGivenOfAModelThatMayGiveOne) {
  const auto two = [] {
    auto outputs = One(OutputKind::kImage, AsBytes("pixels"));
    outputs.push_back(std::move(One(OutputKind::kImage, AsBytes("others"))[0]));
    outputs[1].name = "second";
    return outputs;
  };
  const uint64_t least = LeastResultBytes(Body::kRaw, two());
  const uint64_t most = MostResultBytes(Body::kRaw, two());
  const ResultBody body = FormResult(Body::kRaw, "j", two());
  EXPECT_EQ(body.content_type, "application/json");
  const json outputs = json::parse(AsText(body.bytes.bytes()))["outputs"];
  EXPECT_EQ(outputs["out"]["base64"], "cGl4ZWxz");
  EXPECT_EQ(outputs["second"]["base64"], "b3RoZXJz");
  EXPECT_LE(least, body.bytes.size());
  EXPECT_LE(body.bytes.size(), most);
}

TEST(ResultBody, IsAsLargeAsWasSaidBefore) {
  // What grows most: floats with all their digits, and, as text, control characters and no UTF-8.
  std::vector<float> values(4000, -1.17549435e-38F);
  std::memset(values.data() + 2000, 1, 1000 * sizeof values[0]);
  const Bytes numbers = std::as_bytes(std::span(values));
  for (const Body form :
       {Body::kRaw, Body::kJson, Body::kCbor, Body::kJsonBytes, Body::kCborBytes}) {
    for (const OutputKind kind :
         {OutputKind::kImage, OutputKind::kText, OutputKind::kTensor, OutputKind::kBytes}) {
      auto outputs = One(kind, numbers, "float32", {4000});
      const uint64_t least = LeastResultBytes(form, outputs);
      const uint64_t most = MostResultBytes(form, outputs);
      const uint64_t size = FormResult(form, "j", std::move(outputs)).bytes.size();
      EXPECT_LE(least, size);
      EXPECT_LE(size, most);
    }
  }
}

}  // namespace
}  // namespace darkroom
