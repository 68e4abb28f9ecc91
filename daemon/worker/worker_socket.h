// SPDX-License-Identifier: Apache-2.0
//
// WorkerSocket is the worker's end of the socket to the daemon. Records of jobs that end one after
// the other are gathered for a moment, so that a batch costs one packet; everything else goes at
// once, behind what has gathered.
//
// Send and Gather may be called from any thread. Receive and the timer are the control thread's.

#ifndef DARKROOM_WORKER_WORKER_SOCKET_H_
#define DARKROOM_WORKER_WORKER_SOCKET_H_

#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "core/buffer.h"
#include "worker/records.h"

namespace darkroom {

class WorkerSocket {
 public:
  // Writes one record into the packet that it is given.
  using Write = std::function<void(std::vector<std::byte>* packet)>;

  explicit WorkerSocket(int socket);

  void Send(const Write& write);
  // The record goes out with the next Send, or within half a millisecond.
  void Gather(const Write& write);

  // Waits for a packet. Empty: the daemon is gone. Valid until the next call.
  Bytes Receive();

 private:
  void Flush();  // with mutex_ held

  const int socket_;
  const int timer_;  // fires when what has gathered has waited long enough
  std::vector<std::byte> received_;
  std::mutex mutex_;
  std::vector<std::byte> gathered_;  // guarded by mutex_
  bool armed_ = false;               // guarded by mutex_
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_WORKER_SOCKET_H_
