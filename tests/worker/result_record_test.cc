// SPDX-License-Identifier: Apache-2.0

#include "worker/result_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

host::Output MakeOutput(const std::string& name, host::OutputKind kind,
                        const std::string& content_type, const std::string& dtype,
                        std::vector<int64_t> shape) {
  host::Output output;
  output.name = name;
  output.kind = kind;
  output.content_type = content_type;
  output.dtype = dtype;
  output.shape = std::move(shape);
  return output;
}

host::JobResult AllKinds() {
  host::JobResult result;
  result.decode_ms = 2.5;
  result.infer_ms = 3;
  result.encode_ms = 0.125;
  result.lane_ms = 4;
  result.batch_size = 8;
  result.steps = 30;
  result.resumed_at = 12;
  result.outputs.push_back(
      MakeOutput("photo", host::OutputKind::kImage, "image/png", "", {480, 640, 3}));
  result.outputs.push_back(
      MakeOutput("caption", host::OutputKind::kText, "text/plain; charset=utf-8", "", {}));
  result.outputs.push_back(MakeOutput("embedding", host::OutputKind::kTensor,
                                      "application/octet-stream", "float32", {1, -1, 0}));
  result.outputs.push_back(
      MakeOutput("data", host::OutputKind::kBytes, "application/octet-stream", "", {}));
  return result;
}

const std::vector<OutputPlace> kPlaces = {
    {64, 10}, {0, 0}, {std::numeric_limits<uint64_t>::max(), 3}, {4096, uint64_t{1} << 40}};

std::vector<std::byte> Write(const host::JobResult& result,
                             const std::vector<OutputPlace>& places) {
  std::vector<std::byte> packet;
  WriteResult(&packet, 5, 42, result, places);
  return packet;
}

bool Read(Bytes packet, ResultRecord* out) {
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  return reader.Next(&head, &body) && ReadResult(&body, out);
}

TEST(ResultRecord, CarriesAllKindsOfOutputs) {
  const host::JobResult result = AllKinds();
  const std::vector<std::byte> packet = Write(result, kPlaces);
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  ASSERT_TRUE(reader.Next(&head, &body));
  EXPECT_EQ(head.kind, RecordKind::kFinished);
  EXPECT_EQ(head.about, 5U);
  ResultRecord read;
  ASSERT_TRUE(ReadResult(&body, &read));
  EXPECT_TRUE(body.at_end());
  EXPECT_EQ(read.token, 42U);
  EXPECT_TRUE(read.result.status.ok());
  EXPECT_EQ(read.result.decode_ms, 2.5);
  EXPECT_EQ(read.result.infer_ms, 3);
  EXPECT_EQ(read.result.encode_ms, 0.125);
  EXPECT_EQ(read.result.lane_ms, 4);
  EXPECT_EQ(read.result.batch_size, 8U);
  EXPECT_EQ(read.result.steps, 30U);
  ASSERT_EQ(read.result.outputs.size(), result.outputs.size());
  ASSERT_EQ(read.places.size(), result.outputs.size());
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    const host::Output& is = read.result.outputs[i];
    const host::Output& was = result.outputs[i];
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.kind, was.kind);
    EXPECT_EQ(is.content_type, was.content_type);
    EXPECT_EQ(is.dtype, was.dtype);
    EXPECT_EQ(is.shape, was.shape);
    EXPECT_TRUE(is.bytes.empty());
    EXPECT_EQ(read.places[i].offset, kPlaces[i].offset);
    EXPECT_EQ(read.places[i].size, kPlaces[i].size);
  }
}

TEST(ResultRecord, CarriesAFailure) {
  host::JobResult failed;
  failed.status = Status::ResourceExhausted("no memory", "ask for less");
  failed.infer_ms = 7;
  ResultRecord read;
  ASSERT_TRUE(Read(Write(failed, {}), &read));
  EXPECT_EQ(read.result.status.ToString(), failed.status.ToString());
  EXPECT_EQ(read.result.infer_ms, 7);
  EXPECT_THAT(read.result.outputs, IsEmpty());
  EXPECT_THAT(read.places, IsEmpty());
}

TEST(ResultRecord, TimesThatAreNoneAreNothing) {
  using Limits = std::numeric_limits<double>;
  host::JobResult result;
  result.decode_ms = Limits::quiet_NaN();
  result.infer_ms = Limits::infinity();
  result.encode_ms = -Limits::infinity();
  result.lane_ms = -1;
  ResultRecord read;
  ASSERT_TRUE(Read(Write(result, {}), &read));
  EXPECT_EQ(read.result.decode_ms, 0);
  EXPECT_EQ(read.result.infer_ms, 0);
  EXPECT_EQ(read.result.encode_ms, 0);
  EXPECT_EQ(read.result.lane_ms, 0);
}

TEST(ResultRecord, RefusesTooManyOutputs) {
  const auto with = [](size_t count) {
    host::JobResult result;
    for (size_t i = 0; i < count; ++i) {
      result.outputs.push_back(MakeOutput("n", host::OutputKind::kBytes, "t", "", {}));
    }
    ResultRecord read;
    return Read(Write(result, std::vector<OutputPlace>(count)), &read);
  };
  EXPECT_TRUE(with(256));
  EXPECT_FALSE(with(257));
}

TEST(ResultRecord, RefusesTooManyDimensions) {
  const auto with = [](size_t dimensions) {
    host::JobResult result;
    result.outputs.push_back(MakeOutput("n", host::OutputKind::kTensor, "t", "int8",
                                        std::vector<int64_t>(dimensions, 1)));
    ResultRecord read;
    return Read(Write(result, {{}}), &read);
  };
  EXPECT_TRUE(with(64));
  EXPECT_FALSE(with(65));
}

TEST(ResultRecord, RefusesAKindThatThereIsNot) {
  host::JobResult result;
  result.outputs.push_back(MakeOutput("n", static_cast<host::OutputKind>(4), "t", "", {}));
  ResultRecord read;
  EXPECT_FALSE(Read(Write(result, {{}}), &read));
}

TEST(ResultRecord, RefusesEveryTruncation) {
  const std::vector<std::byte> packet = Write(AllKinds(), kPlaces);
  const Bytes body = Bytes(packet).subspan(sizeof(RecordHead));
  for (size_t size = 0; size < body.size(); ++size) {
    // A vector of its own, so that AddressSanitizer sees who reads beyond.
    const std::vector<std::byte> part(body.begin(), body.begin() + static_cast<int64_t>(size));
    RecordReader reader(part);
    ResultRecord read;
    EXPECT_FALSE(ReadResult(&reader, &read)) << size;
  }
}

// Whatever comes, there is a place for each output.
TEST(ResultRecord, TakesNonsenseOrRefusesIt) {
  std::mt19937 random(5);
  const std::vector<std::byte> packet = Write(AllKinds(), kPlaces);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> copy(packet.begin() + sizeof(RecordHead), packet.end());
    for (uint32_t i = 0; i < 1 + random() % 4; ++i) {
      copy[random() % copy.size()] = static_cast<std::byte>(random() % 3 == 0 ? 0xFF : random());
    }
    RecordReader reader(copy);
    ResultRecord read;
    if (!ReadResult(&reader, &read)) continue;
    ASSERT_EQ(read.places.size(), read.result.outputs.size());
    for (const double ms : {read.result.decode_ms, read.result.infer_ms, read.result.encode_ms}) {
      ASSERT_TRUE(ms >= 0 && ms <= std::numeric_limits<double>::max());
    }
  }
}

}  // namespace
}  // namespace darkroom
