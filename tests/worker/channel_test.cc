// SPDX-License-Identifier: Apache-2.0

#include "worker/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "tests/worker/run_until.h"
#include "worker/records.h"

namespace darkroom {
namespace {

using testing::ElementsAre;

std::vector<std::byte> Packet(const std::string& text) {
  const Bytes bytes = AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

// A channel, and the other end of its socket.
class ChannelTest : public testing::Test {
 protected:
  ChannelTest() {
    int sockets[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    peer_ = sockets[1];
    channel_ = std::make_unique<Channel>(
        io_, sockets[0],
        Channel::Handlers{[this](Bytes packet) { OnPacket(std::string(AsText(packet))); },
                          [this] { OnEnd(); }});
  }
  ~ChannelTest() override { ClosePeer(); }

  void OnPacket(std::string packet) {
    heard_.push_back(std::move(packet));
    if (heard_.back() == "destroy") channel_.reset();
  }
  void OnEnd() {
    ++ends_;
    if (destroy_at_end_) channel_.reset();
  }

  void Say(const std::string& text) const {
    EXPECT_EQ(send(peer_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  // What has arrived at the other end, if anything has.
  std::optional<std::string> Take() const {
    std::string packet(kMaxPacket + 1, '\0');
    const ssize_t size = recv(peer_, packet.data(), packet.size(), MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    packet.resize(static_cast<size_t>(size));
    return packet;
  }
  void ClosePeer() {
    if (peer_ >= 0) close(peer_);
    peer_ = -1;
  }

  boost::asio::io_context io_;
  int peer_ = -1;
  std::unique_ptr<Channel> channel_;
  std::vector<std::string> heard_;
  int ends_ = 0;
  bool destroy_at_end_ = false;
};

TEST_F(ChannelTest, CarriesPacketsBothWays) {
  Say("one");
  Say(std::string(kMaxPacket, 'x'));
  EXPECT_TRUE(RunUntil(io_, [&] { return heard_.size() == 2; }));
  EXPECT_EQ(heard_[0], "one");
  EXPECT_EQ(heard_[1], std::string(kMaxPacket, 'x'));
  channel_->Send(Packet("two"));
  channel_->Send(Packet(std::string(kMaxPacket, 'y')));
  EXPECT_EQ(Take(), "two");
  EXPECT_EQ(Take(), std::string(kMaxPacket, 'y'));
  EXPECT_EQ(Take(), std::nullopt);
}

TEST_F(ChannelTest, WhatIsNotTakenWaitsInOrder) {
  constexpr int kPackets = 500;
  for (int i = 0; i < kPackets; ++i) {
    channel_->Send(Packet(std::to_string(i) + " " + std::string(20'000, 'p')));
  }
  Settle(io_);  // nobody reads: this must come back
  Say("alive");
  EXPECT_TRUE(RunUntil(io_, [&] { return !heard_.empty(); }));
  int taken = 0;
  EXPECT_TRUE(RunUntil(io_, [&] {
    while (const auto packet = Take()) EXPECT_EQ(std::stoi(*packet), taken++);
    return taken == kPackets;
  }));
  channel_->Send(Packet("at once"));
  EXPECT_EQ(Take(), "at once");
}

TEST_F(ChannelTest, SaysOnceThatTheOtherSideIsGone) {
  Say("last words");
  ClosePeer();
  EXPECT_TRUE(RunUntil(io_, [&] { return ends_ > 0; }));
  EXPECT_THAT(heard_, ElementsAre("last words"));
  channel_->Send(Packet("to nobody"));
  channel_->ReadRest();
  Settle(io_);
  EXPECT_EQ(ends_, 1);
}

TEST_F(ChannelTest, SendingToNobodyIsNoEndOfOurs) {
  ClosePeer();
  for (int i = 0; i < 3; ++i) channel_->Send(Packet("to nobody"));  // no SIGPIPE
  EXPECT_TRUE(RunUntil(io_, [&] { return ends_ > 0; }));
  EXPECT_EQ(ends_, 1);
}

TEST_F(ChannelTest, WhatWaitsIsDroppedWhenTheOtherSideGoes) {
  for (int i = 0; i < 500; ++i) channel_->Send(Packet(std::string(20'000, 'p')));
  Settle(io_);
  ClosePeer();
  EXPECT_TRUE(RunUntil(io_, [&] { return ends_ > 0; }));
  Settle(io_);
  EXPECT_EQ(ends_, 1);
}

TEST_F(ChannelTest, AFloodIsHeardInFull) {
  // More than are read in one turn; with their end.
  for (int i = 0; i < 100; ++i) Say(std::to_string(i));
  ClosePeer();
  EXPECT_TRUE(RunUntil(io_, [&] { return ends_ > 0; }));
  ASSERT_EQ(heard_.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(heard_[static_cast<size_t>(i)], std::to_string(i));
}

TEST_F(ChannelTest, WhoGoesWithoutHavingReadIsHeardOut) {
  channel_->Send(Packet("unread"));
  Say("one");
  Say("two");
  ClosePeer();  // from here on the first look at our end is an error
  EXPECT_TRUE(RunUntil(io_, [&] { return ends_ > 0; }));
  EXPECT_THAT(heard_, ElementsAre("one", "two"));
}

TEST_F(ChannelTest, MayBeDestroyedByAPacket) {
  Say("first");
  Say("destroy");
  Say("unheard");
  EXPECT_TRUE(RunUntil(io_, [&] { return channel_ == nullptr; }));
  Settle(io_);
  EXPECT_THAT(heard_, ElementsAre("first", "destroy"));
  EXPECT_EQ(ends_, 0);
  // Its end is closed: what was not read is told as a reset.
  char byte = 0;
  EXPECT_LE(recv(peer_, &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_NE(errno, EAGAIN);
}

TEST_F(ChannelTest, MayBeDestroyedByItsEnd) {
  destroy_at_end_ = true;
  ClosePeer();
  EXPECT_TRUE(RunUntil(io_, [&] { return ends_ > 0; }));
  Settle(io_);
  EXPECT_EQ(channel_, nullptr);
  EXPECT_EQ(ends_, 1);
}

TEST_F(ChannelTest, MayBeDestroyedWhileItWaits) {
  for (int i = 0; i < 500; ++i) channel_->Send(Packet(std::string(20'000, 'p')));
  Settle(io_);
  channel_.reset();
  io_.restart();
  io_.run();  // nothing keeps it busy
  EXPECT_EQ(ends_, 0);
}

TEST_F(ChannelTest, ReadRestHandsOverAtOnce) {
  for (int i = 0; i < 100; ++i) Say(std::to_string(i));
  channel_->ReadRest();
  EXPECT_EQ(heard_.size(), 100U);
  EXPECT_EQ(ends_, 0);
  Say("more");
  ClosePeer();
  channel_->ReadRest();
  EXPECT_EQ(heard_.back(), "more");
  EXPECT_EQ(ends_, 1);
  Settle(io_);
  EXPECT_EQ(ends_, 1);
}

TEST_F(ChannelTest, MayBeDestroyedInReadRest) {
  Say("destroy");
  Say("unheard");
  ClosePeer();
  channel_->ReadRest();
  EXPECT_EQ(channel_, nullptr);
  Settle(io_);
  EXPECT_THAT(heard_, ElementsAre("destroy"));
  EXPECT_EQ(ends_, 0);
}

}  // namespace
}  // namespace darkroom
