// SPDX-License-Identifier: Apache-2.0
//
// What systemd is told: ready, stopping, a status line, that more time is needed, that the daemon
// lives (sd_notify(3)).
// Without systemd all of it does nothing. None of it waits for a systemd that is busy, but for a
// second those that are told once.
//
// For the io_context's thread.

#ifndef DARKROOM_CONTROL_SYSTEMD_H_
#define DARKROOM_CONTROL_SYSTEMD_H_

#include <chrono>
#include <string>

namespace darkroom {

// Whether somebody hears any of this.
bool UnderSystemd();

void NotifyReady(const std::string& status);
// The configuration is read again, until NotifyReady says that it is over.
void NotifyReloading(const std::string& status);
// Whether it was taken.
bool NotifyStatus(const std::string& status);
// `allowed`: how long stopping may take from now.
void NotifyStopping(const std::string& status, std::chrono::milliseconds allowed);

// Starting or stopping goes on, and may take so long from now.
void NotifyMoreTime(std::chrono::microseconds time);

// After how long without NotifyWatchdog systemd ends the daemon; 0: it does not watch.
std::chrono::microseconds WatchdogTime();
void NotifyWatchdog();

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_SYSTEMD_H_
