// SPDX-License-Identifier: Apache-2.0
//
// Interrupts turns Ctrl-C (SIGINT, and SIGTERM alike) into a call, so that a command can say which
// job it leaves behind. Where nobody asked for the call, and at the second signal, the process ends
// at once with exit code 130.
//
// Made once by main before any other thread starts: threads inherit the blocked signals. The
// handler runs on a thread of its own.

#ifndef DARKROOM_CLI_INTERRUPTS_H_
#define DARKROOM_CLI_INTERRUPTS_H_

#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace darkroom {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Calls `handler` at the next signal for as long as the guard lives. Once the guard is gone the
  // handler has returned and is not called again. One guard at a time.
  class [[nodiscard]] Guard {
   public:
    Guard(Interrupts* interrupts, std::function<void()> handler);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Interrupts* interrupts_;
  };

 private:
  void Watch();
  void OnSignal();

  sigset_t before_{};
  int signals_ = -1;  // signalfd
  int stop_ = -1;     // eventfd
  std::mutex mutex_;
  std::function<void()> handler_;  // guarded by mutex_
  bool seen_ = false;              // guarded by mutex_
  std::thread thread_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_INTERRUPTS_H_
