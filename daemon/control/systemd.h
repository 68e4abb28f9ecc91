// SPDX-License-Identifier: Apache-2.0
//
// What systemd is told: ready, stopping, a status line (sd_notify(3)). Without systemd all of it
// does nothing.
//
// For the io_context's thread.

#ifndef DARKROOM_CONTROL_SYSTEMD_H_
#define DARKROOM_CONTROL_SYSTEMD_H_

#include <chrono>
#include <string>

namespace darkroom {

void NotifyReady(const std::string& status);
void NotifyStatus(const std::string& status);
// `allowed`: how long stopping may take from now.
void NotifyStopping(const std::string& status, std::chrono::milliseconds allowed);

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_SYSTEMD_H_
