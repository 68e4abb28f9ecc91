// SPDX-License-Identifier: Apache-2.0
//
// Channel is the daemon's end of the socket to a worker: packets out, packets in, and word of its
// end. It never blocks: what a worker does not take waits here, in order.
//
// For the io_context's thread. It may be destroyed inside its own handlers.

#ifndef DARKROOM_WORKER_CHANNEL_H_
#define DARKROOM_WORKER_CHANNEL_H_

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "core/buffer.h"

namespace darkroom {

class Channel {
 public:
  struct Handlers {
    std::function<void(Bytes packet)> on_packet;
    std::function<void()> on_end;  // closed by the other side, or broken; once
  };

  // Takes the socket over.
  Channel(boost::asio::io_context& io, int socket, Handlers handlers);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void Send(std::vector<std::byte> packet);

  // Hands over at once what has arrived, for when the other side is known to be gone.
  void ReadRest();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with what waits in the io_context
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_CHANNEL_H_
