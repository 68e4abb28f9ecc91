// SPDX-License-Identifier: Apache-2.0
//
// ServiceStatus keeps systemd told, each second, how the daemon gets on: a line for `systemctl
// status`, when it changes; and while it starts or drains, that more time is needed, so that models
// may load and jobs end for longer than the unit's own patience. A daemon that hangs asks for
// nothing and is ended in time. Without systemd it does nothing.
//
// For the io_context's thread.

#ifndef DARKROOM_CONTROL_SERVICE_STATUS_H_
#define DARKROOM_CONTROL_SERVICE_STATUS_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "control/control_service.h"

namespace darkroom {

class ServiceStatus {
 public:
  using Clock = std::chrono::steady_clock;

  // `view` and `connection`, which tells whether there is a server, outlive this.
  ServiceStatus(boost::asio::io_context& io, const ControlView& view, const Connection& connection);

  void Start();

  // Something has changed that is worth telling now.
  void Tell();

  // The configuration is read again, which may take as long as models take to load; and what is
  // wrong with it, if it was not taken.
  void BeginReload();
  void EndReload(const std::string& refusal);

  // Jobs are drained, until then at the longest.
  void Drain(Clock::time_point until);

  // As it is told: "Ready: 5 models (2 loaded), 2 devices, 37 queued, 2 running".
  std::string Line() const;

 private:
  void TellEachSecond();

  const ControlView view_;
  const Connection& connection_;
  std::optional<Clock::time_point> drained_by_;
  bool reloading_ = false;
  std::string refusal_;  // of the last reload
  std::string told_;
  boost::asio::steady_timer timer_;
};

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_SERVICE_STATUS_H_
