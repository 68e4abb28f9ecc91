// SPDX-License-Identifier: Apache-2.0
//
// EmbeddedServer is a private nats-server: a child process on loopback, with JetStream in the state
// folder. It is watched and started again, on the same port, when it ends; and it ends with us,
// however we end.
//
// For the io_context's thread, which must be the thread that calls Start: the kernel ties the
// child's life to that thread.

#ifndef DARKROOM_MESSAGE_EMBEDDED_SERVER_H_
#define DARKROOM_MESSAGE_EMBEDDED_SERVER_H_

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "core/log.h"
#include "core/status.h"

namespace darkroom {

class EmbeddedServer {
 public:
  // Writes the server's configuration, picks a port if none is configured, and starts it.
  static Result<std::unique_ptr<EmbeddedServer>> Start(boost::asio::io_context& io,
                                                       const NatsConfig& config,
                                                       const std::filesystem::path& state_dir,
                                                       Logger& log);
  ~EmbeddedServer();  // asks it to end, and waits for it

  const std::string& url() const { return url_; }

 private:
  EmbeddedServer(boost::asio::io_context& io, Logger& log);
  Status Spawn();
  // Starts it again whenever it ends. What it waits for ends with an error when we are destroyed,
  // and then it touches nothing of us any more.
  boost::asio::awaitable<void> Supervise();
  // Waits until the child has ended, and returns how.
  boost::asio::awaitable<std::optional<int>> Exit();

  Logger& log_;
  std::string binary_;
  std::filesystem::path config_file_;
  std::filesystem::path log_file_;
  std::string url_;
  pid_t pid_ = -1;
  boost::asio::posix::stream_descriptor exited_;  // the child's pidfd: readable when it has ended
  boost::asio::steady_timer restart_;
  std::chrono::steady_clock::time_point started_{};
};

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_EMBEDDED_SERVER_H_
