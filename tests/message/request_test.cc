// SPDX-License-Identifier: Apache-2.0

#include "message/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message/messages.h"

namespace darkroom {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Headers = std::vector<std::pair<std::string, std::string>>;

class RequestTest : public testing::Test {
 protected:
  RequestTest() {
    info_.inputs = {{"image", ValueKind::kImage, "", {}, false},
                    {"mask", ValueKind::kMask, "", {}, true},
                    {"prompt", ValueKind::kText, "", {}, true}};
    info_.outputs = {{"image", ValueKind::kImage, "", {}, false}};
    rules_.info = &info_;
    rules_.max_input_bytes = 1000;
  }

  Request Parse(const std::string& body, const Headers& headers = {}) {
    Request request;
    const Status status = ParseRequest(MakeMessage(body, headers), rules_, &request);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return request;
  }

  Status Refuse(const std::string& body, const Headers& headers = {}) {
    Request request;
    const Status status = ParseRequest(MakeMessage(body, headers), rules_, &request);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(request.reply, "_INBOX.1");  // so that it can be told
    return status;
  }

  ModelInfo info_;
  RequestRules rules_;
};

TEST_F(RequestTest, RawBytesAreTheFirstInputUncopied) {
  const Request request = Parse("\x89PNG...");
  ASSERT_EQ(request.inputs.size(), 1U);
  EXPECT_EQ(request.inputs[0].info->name, "image");
  EXPECT_EQ(request.inputs[0].bytes.data(), request.message.data().data());
  EXPECT_EQ(request.reply, "_INBOX.1");
  EXPECT_TRUE(request.params.is_null());
  EXPECT_FALSE(request.progress);
}

TEST_F(RequestTest, ReadsHeaders) {
  const Request request = Parse("x", {{"Darkroom-Job", "job-1"},
                                      {"Darkroom-Deadline", "30s"},
                                      {"Darkroom-Progress", "1"},
                                      {"Darkroom-Params", R"({"scale": 2})"},
                                      {"Content-Type", "image/png"}});
  EXPECT_EQ(request.id, "job-1");
  EXPECT_EQ(request.deadline, std::chrono::seconds(30));
  EXPECT_TRUE(request.progress);
  EXPECT_EQ(request.params, json({{"scale", 2}}));
  EXPECT_EQ(request.inputs[0].content_type, "image/png");
  EXPECT_EQ(Parse("x", {{"Nats-Msg-Id", "m1"}}).id, "m1");
}

TEST_F(RequestTest, ReadsAJsonBodyWithAndWithoutItsType) {
  const std::string body = R"({"params": {"scale": 2}, "inputs": {"image": "aGVsbG8=",)"
                           R"("mask": {"base64": "eA==", "content_type": "image/PNG"},)"
                           R"("prompt": "a cat"}})";
  for (const Headers& headers : {Headers{}, Headers{{"Content-Type", "application/json"}}}) {
    const Request request = Parse(body, headers);
    ASSERT_EQ(request.inputs.size(), 3U);
    EXPECT_EQ(AsText(request.inputs[0].bytes), "hello");
    EXPECT_EQ(request.inputs[1].content_type, "image/png");
    EXPECT_EQ(AsText(request.inputs[2].bytes), "a cat");
    EXPECT_EQ(request.params, json({{"scale", 2}}));
  }
}

TEST_F(RequestTest, ReadsACborBody) {
  const json body = {{"inputs", {{"image", json::binary({1, 2, 3})}}}};
  const std::vector<uint8_t> cbor = json::to_cbor(body);
  const Request request = Parse({cbor.begin(), cbor.end()}, {{"Content-Type", "application/cbor"}});
  ASSERT_EQ(request.inputs.size(), 1U);
  EXPECT_EQ(AsText(request.inputs[0].bytes), "\x01\x02\x03");
}

TEST_F(RequestTest, ReadsADataUri) {
  const Request request = Parse(R"({"inputs": {"image": "data:image/webp;base64,aGVsbG8="}})");
  EXPECT_EQ(AsText(request.inputs[0].bytes), "hello");
  EXPECT_EQ(request.inputs[0].content_type, "image/webp");
}

TEST_F(RequestTest, LaysParamsOverOneAnother) {
  rules_.default_params = {{"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}};
  rules_.fixed_params = {{"d", 3}};
  const Request request =
      Parse(R"({"inputs": {"image": "eA=="}, "params": {"b": 1, "c": 1, "d": 1}})",
            {{"Darkroom-Params", R"({"c": 2, "d": 2})"}});
  EXPECT_EQ(request.params, json({{"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}}));
}

TEST_F(RequestTest, TakesOutputParamsForItself) {
  const Headers params = {{"Darkroom-Params", R"({"output_format":"webp","output_quality":80})"}};
  EXPECT_EQ(Parse("x", params).form.image, ImageFormat::kWebp);
  EXPECT_EQ(Parse("x", params).form.quality, 80);
  EXPECT_EQ(Parse("x", params).params, json::object());
  Headers both = params;
  both.emplace_back("Accept", "image/jpeg");
  EXPECT_EQ(Parse("x", both).form.image, ImageFormat::kJpeg);
  rules_.image = ImageFormat::kJpeg;
  EXPECT_EQ(Parse("x").form.image, ImageFormat::kJpeg);
}

TEST_F(RequestTest, ABodyOfBytesIsNeverReadAsJson) {
  info_.inputs = {{"data", ValueKind::kBytes, "", {}, true}};
  EXPECT_EQ(AsText(Parse(R"({"a": 1})").inputs[0].bytes), R"({"a": 1})");
  EXPECT_TRUE(Parse("").inputs.empty());
}

TEST_F(RequestTest, RefusesInWordsThatNameTheFault) {
  const Headers json_type = {{"Content-Type", "application/json"}};
  const struct {
    std::string body;
    Headers headers;
    const char* words;
  } cases[] = {
      {"", {}, "body is empty, but the model needs the input 'image'"},
      {"hello", {{"Content-Type", "text/plain"}}, "is an image, but the Content-Type is"},
      {"{", json_type, "the body"},
      {"[1]", json_type, "array, not an object"},
      {R"({"input": {}})", json_type, "unknown field 'input'"},
      {R"({"inputs": []})", json_type, "'inputs' must be an object"},
      {R"({"params": 1, "inputs": {}})", json_type, "'params' must be an object"},
      {R"({"inputs": {"imge": "eA=="}})", json_type, "no input 'imge'"},
      {R"({"inputs": {"image": 5}})", json_type, "is number"},
      {R"({"inputs": {"image": "e==="}})", json_type, "input 'image'"},
      {R"({"inputs": {"image": "data:image/png,x"}})", json_type, "without base64"},
      {R"({"inputs": {"image": {"base64": "eA==", "text": "x"}}})", json_type, "'text'"},
      {R"({"inputs": {"image": {}}})", json_type, "exactly once"},
      {R"({"inputs": {"mask": "eA=="}})", json_type, "lacks the input 'image'"},
      {"x", {{"Darkroom-Job", "a b"}}, "cannot name a job"},
      {"x", {{"Darkroom-Deadline", "soon"}}, "Darkroom-Deadline"},
      {"x", {{"Darkroom-Deadline", "0s"}}, "Darkroom-Deadline"},
      {"x", {{"Darkroom-Params", "[]"}}, "must be a JSON object"},
      {"x", {{"Darkroom-Params", "{"}}, "Darkroom-Params"},
      {"x", {{"Darkroom-Params", R"({"output_format":"gif"})"}}, "output_format"},
      {"x", {{"Darkroom-Params", R"({"output_quality":0})"}}, "output_quality"},
      {"x", {{"Accept", "text/html"}}, "cannot reply with Accept"},
  };
  for (const auto& one : cases) {
    const Status status = Refuse(one.body, one.headers);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << one.body;
    EXPECT_THAT(status.message(), HasSubstr(one.words)) << one.body;
  }
}

TEST_F(RequestTest, RefusesWhatIsTooLargeOrNotMade) {
  EXPECT_EQ(Refuse(std::string(1001, 'x')).code(), Code::kTooLarge);
  EXPECT_EQ(Refuse(R"({"inputs": {"image": {"ref": "nats-object://b/n"}}})").code(),
            Code::kUnimplemented);
}

}  // namespace
}  // namespace darkroom
