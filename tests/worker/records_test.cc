// SPDX-License-Identifier: Apache-2.0

#include "worker/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::EndsWith;

// Of exactly so many bytes on the heap, so that AddressSanitizer sees who reads beyond.
class Exactly {
 public:
  explicit Exactly(Bytes bytes) : size_(bytes.size()), data_(new std::byte[bytes.size()]) {
    std::copy(bytes.begin(), bytes.end(), data_.get());
  }
  Bytes bytes() const { return {data_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<std::byte[]> data_;
};

// What a packet of PutAll's records says, as far as it makes sense.
struct Taken {
  std::vector<uint32_t> about;
  bool sound = false;
};

void PutOne(std::vector<std::byte>* packet, uint32_t about) {
  RecordWriter out(packet, RecordKind::kLoaded, about);
  out.Put("text " + std::to_string(about));
  out.Put(Status(Code::kBusy, "words", "a hint"));
  out.Put(uint64_t{about} << 40);
  out.Put(0.5);
}

Taken TakeAll(Bytes packet) {
  Taken taken;
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  while (reader.Next(&head, &body)) {
    (void)body.Text();
    (void)body.GetStatus();
    (void)body.Get<uint64_t>();
    (void)body.Get<double>();
    if (!body.ok()) return taken;
    taken.about.push_back(head.about);
  }
  taken.sound = reader.ok();
  return taken;
}

TEST(Records, CarryWhatWasPut) {
  struct Place {
    uint64_t offset;
    uint32_t size;
    uint32_t more;
  };
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kOpened, 7);
    out.Put(uint32_t{5});
    out.Put(std::string_view());
    out.Put(std::string("a\0b", 3));
    out.Put(-0.25);
    out.Put(Place{1, 2, 3});
    out.Put(Status::NotFound("no such model", "see the list"));
    out.Put(Status::Ok());
    out.Put(uint8_t{9});
  }
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  ASSERT_TRUE(reader.Next(&head, &body));
  EXPECT_EQ(head.size, packet.size());
  EXPECT_EQ(head.kind, RecordKind::kOpened);
  EXPECT_EQ(head.about, 7U);
  EXPECT_EQ(body.Get<uint32_t>(), 5U);
  EXPECT_EQ(body.Text(), "");
  EXPECT_EQ(body.Text(), std::string_view("a\0b", 3));
  EXPECT_EQ(body.Get<double>(), -0.25);
  EXPECT_EQ(body.Get<Place>().more, 3U);
  EXPECT_EQ(body.GetStatus().ToString(), "not_found: no such model (see the list)");
  EXPECT_TRUE(body.GetStatus().ok());
  EXPECT_FALSE(body.at_end());
  EXPECT_EQ(body.Get<uint8_t>(), 9);
  EXPECT_TRUE(body.ok());
  EXPECT_TRUE(body.at_end());
  EXPECT_FALSE(reader.Next(&head, &body));
  EXPECT_TRUE(reader.ok());
}

TEST(Records, StandInARow) {
  std::vector<std::byte> packet;
  for (uint32_t about = 1; about <= 3; ++about) PutOne(&packet, about);
  { const RecordWriter empty(&packet, RecordKind::kPing, 4); }
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  std::vector<uint32_t> seen;
  while (reader.Next(&head, &body)) seen.push_back(head.about);
  EXPECT_TRUE(reader.ok());
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(head.kind, RecordKind::kPing);
  EXPECT_TRUE(body.at_end());
}

TEST(Records, ABodyThatIsLeftUnreadDoesNotSpoilTheNext) {
  std::vector<std::byte> packet;
  PutOne(&packet, 1);
  PutOne(&packet, 2);
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  ASSERT_TRUE(reader.Next(&head, &body));
  ASSERT_TRUE(reader.Next(&head, &body));
  EXPECT_EQ(body.Text(), "text 2");
}

TEST(Records, WhatIsNotThereIsNothing) {
  std::vector<std::byte> packet;
  { RecordWriter(&packet, RecordKind::kLog, 1).Put(uint16_t{0xFFFF}); }
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  ASSERT_TRUE(reader.Next(&head, &body));
  EXPECT_EQ(body.Get<uint32_t>(), 0U);
  EXPECT_FALSE(body.ok());
  // The two bytes that are there do not count any more.
  EXPECT_EQ(body.Get<uint16_t>(), 0U);
  EXPECT_EQ(body.Text(), "");
  EXPECT_FALSE(body.ok());
}

TEST(Records, AHeadThatLiesAboutItsSizeIsRefused) {
  for (const uint32_t size : {0U, 15U, 60U, ~0U}) {
    std::vector<std::byte> packet;
    { RecordWriter(&packet, RecordKind::kLog, 1).Put(uint64_t{1}); }
    std::memcpy(packet.data(), &size, sizeof(size));
    RecordReader reader(packet);
    RecordHead head{};
    RecordReader body({});
    EXPECT_FALSE(reader.Next(&head, &body)) << size;
    EXPECT_FALSE(reader.ok()) << size;
    EXPECT_FALSE(reader.Next(&head, &body)) << size;
  }
}

TEST(Records, EveryTruncationIsSeen) {
  std::vector<std::byte> packet;
  PutOne(&packet, 1);
  const size_t one = packet.size();
  PutOne(&packet, 2);
  EXPECT_THAT(TakeAll(packet).about, ElementsAre(1, 2));
  for (size_t size = 0; size < packet.size(); ++size) {
    const Exactly part(Bytes(packet).first(size));
    const Taken taken = TakeAll(part.bytes());
    EXPECT_EQ(taken.about.size(), size < one ? 0U : 1U) << size;
    EXPECT_EQ(taken.sound, size == 0 || size == one) << size;
  }
}

TEST(Records, NoNonsenseIsReadBeyond) {
  std::mt19937 random(11);
  std::vector<std::byte> packet;
  for (uint32_t about = 1; about <= 4; ++about) PutOne(&packet, about);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Exactly copy(packet);
    // Mostly where sizes are: they matter more than the rest.
    auto* const bytes = const_cast<std::byte*>(copy.bytes().data());
    for (uint32_t i = 0; i < 1 + random() % 4; ++i) {
      bytes[random() % packet.size()] = static_cast<std::byte>(random() % 3 == 0 ? 0xFF : random());
    }
    if (!TakeAll(copy.bytes()).sound) ++refused;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 20'000);
}

TEST(Records, LongWordsOfAStatusAreCut) {
  std::vector<std::byte> packet;
  std::string long_words(3999, 'x');
  for (int i = 0; i < 50'000; ++i) long_words += "é";
  { RecordWriter(&packet, RecordKind::kOpened, 1).Put(Status::Internal(long_words, long_words)); }
  EXPECT_LT(packet.size(), 10'000U);
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  ASSERT_TRUE(reader.Next(&head, &body));
  const Status status = body.GetStatus();
  EXPECT_TRUE(body.ok());
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_THAT(status.message(), EndsWith("x..."));  // no half of a character
  EXPECT_THAT(status.hint(), EndsWith("x..."));
}

TEST(Records, AStatusOfNoKnownNumberIsInternal) {
  for (const int32_t number : {-1, 11, 31, 35, 1 << 30}) {
    std::vector<std::byte> packet;
    {
      RecordWriter out(&packet, RecordKind::kOpened, 1);
      out.Put(number);
      out.Put("words");
      out.Put("");
    }
    RecordReader reader(packet);
    RecordHead head{};
    RecordReader body({});
    ASSERT_TRUE(reader.Next(&head, &body));
    EXPECT_EQ(body.GetStatus().code(), Code::kInternal) << number;
  }
}

}  // namespace
}  // namespace darkroom
