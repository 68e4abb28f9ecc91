// SPDX-License-Identifier: Apache-2.0

#include "worker/crash_note.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>

#include "core/thread.h"

namespace darkroom {
namespace {

constexpr std::array<int, 5> kFatal = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// A signal handler has no other way to know them.
CrashNote* the_note = nullptr;
std::array<struct sigaction, kFatal.size()> before;

void Leave() {
  uint32_t nobody = 0;
  the_note->thread.compare_exchange_strong(nobody, ThreadId());
}

void OnFatal(int number, siginfo_t* info, void*) {
  Leave();
  for (size_t i = 0; i < kFatal.size(); ++i) {
    if (kFatal[i] == number) sigaction(number, &before[i], nullptr);
  }
  // A fault happens again when this returns; what was sent does not.
  if (info->si_code <= 0) raise(number);
}

}  // namespace

void LeaveCrashesIn(CrashNote* note) {
  the_note = note;
  struct sigaction action {};
  action.sa_sigaction = OnFatal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  for (size_t i = 0; i < kFatal.size(); ++i) sigaction(kFatal[i], &action, &before[i]);
  std::atexit(Leave);
}

}  // namespace darkroom
