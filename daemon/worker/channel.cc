// SPDX-License-Identifier: Apache-2.0

#include "worker/channel.h"

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <deque>
#include <limits>
#include <utility>

#include "worker/records.h"

namespace darkroom {
namespace {

// Packets read in a row before others have their turn at the io_context.
constexpr int kTurn = 32;

}  // namespace

struct Channel::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& io, int socket_fd, Handlers its_handlers)
      : socket(io, socket_fd), handlers(std::move(its_handlers)), packet(kMaxPacket) {
    socket.native_non_blocking(true);
  }

  void WaitToRead() {
    socket.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error || !self->open) return;
                        self->Read(kTurn);
                        if (self->open) self->WaitToRead();
                      });
  }

  void Read(int packets) {
    for (int i = 0; i < packets && open; ++i) {
      const ssize_t size = recv(socket.native_handle(), packet.data(), packet.size(), MSG_DONTWAIT);
      if (size > 0) {
        handlers.on_packet({packet.data(), static_cast<size_t>(size)});
        continue;
      }
      // It went without having read all of ours. That is said once, in front of what it wrote.
      if (size < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
      if (size < 0 && errno == EAGAIN) return;
      End();
    }
  }

  void Send(std::vector<std::byte> out) {
    waiting.push_back(std::move(out));
    if (waiting.size() == 1) Write();
  }

  void Write() {
    while (open && !waiting.empty()) {
      const std::vector<std::byte>& front = waiting.front();
      const ssize_t sent =
          send(socket.native_handle(), front.data(), front.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0) {
        waiting.pop_front();
        continue;
      }
      if (errno == EINTR) continue;
      // A broken socket ends the reading side, which says so.
      if (errno != EAGAIN) return;
      socket.async_wait(boost::asio::posix::descriptor_base::wait_write,
                        [self = shared_from_this()](const boost::system::error_code& error) {
                          if (!error && self->open) self->Write();
                        });
      return;
    }
  }

  void End() {
    if (!std::exchange(open, false)) return;
    socket.close();
    handlers.on_end();
  }

  boost::asio::posix::stream_descriptor socket;
  const Handlers handlers;
  std::vector<std::byte> packet;
  std::deque<std::vector<std::byte>> waiting;
  bool open = true;
};

Channel::Channel(boost::asio::io_context& io, int socket, Handlers handlers)
    : state_(std::make_shared<State>(io, socket, std::move(handlers))) {
  state_->WaitToRead();
}

Channel::~Channel() {
  if (std::exchange(state_->open, false)) state_->socket.close();
}

void Channel::Send(std::vector<std::byte> packet) {
  if (state_->open) state_->Send(std::move(packet));
}

void Channel::ReadRest() {
  const auto state = state_;
  state->Read(std::numeric_limits<int>::max());
}

}  // namespace darkroom
