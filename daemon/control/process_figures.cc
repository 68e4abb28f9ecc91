// SPDX-License-Identifier: Apache-2.0

#include "control/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <system_error>

#include "core/process_memory.h"

namespace darkroom {
namespace {

double SecondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// The process's folder in /proc was made with it.
double StartTime() {
  std::error_code error;
  const auto made = std::filesystem::last_write_time("/proc/self", error);
  if (error) return 0;
  return std::chrono::duration<double>(std::chrono::file_clock::to_sys(made).time_since_epoch())
      .count();
}

}  // namespace

ProcessFigures ReadProcessFigures() {
  ProcessFigures figures;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    figures.cpu_seconds = SecondsOf(usage.ru_utime) + SecondsOf(usage.ru_stime);
  }
  figures.resident_bytes = ResidentBytes(getpid()).value_or(0);
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  // One of them is what they are counted by.
  if (!error)
    figures.open_files = static_cast<uint64_t>(std::distance(begin(files), end(files))) - 1;
  static const double kStarted = StartTime();
  figures.start_time = kStarted;
  return figures;
}

}  // namespace darkroom
