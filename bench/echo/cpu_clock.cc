// SPDX-License-Identifier: Apache-2.0

#include "echo/cpu_clock.h"

#include <sys/types.h>

#include <charconv>
#include <sstream>

namespace darkroom {
namespace {

bool ReadClock(clockid_t clock, double* microseconds) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return false;
  *microseconds = static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
  return true;
}

}  // namespace

Result<CpuClocks> CpuClocks::FromSpecs(const std::vector<std::string>& specs) {
  CpuClocks result;
  for (const std::string& spec : specs) {
    const std::size_t equals = spec.find('=');
    if (equals == std::string::npos) {
      return Status::InvalidArgument("'" + spec + "' is not NAME=PID[,PID...]");
    }
    std::vector<clockid_t>& clocks = result.clocks_[spec.substr(0, equals)];
    std::istringstream pids(spec.substr(equals + 1));
    for (std::string text; std::getline(pids, text, ',');) {
      pid_t pid = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
      if (error != std::errc() || end != text.data() + text.size()) {
        return Status::InvalidArgument("'" + text + "' is not a process id");
      }
      clockid_t clock{};
      if (clock_getcpuclockid(pid, &clock) != 0) {
        return Status::NotFound("there is no process " + text);
      }
      clocks.push_back(clock);
    }
  }
  return result;
}

std::map<std::string, double> CpuClocks::ReadMicroseconds(bool* ended) const {
  std::map<std::string, double> result;
  *ended = false;
  for (const auto& [name, clocks] : clocks_) {
    double& sum = result[name];
    for (const clockid_t clock : clocks) {
      double used = 0;
      if (ReadClock(clock, &used)) {
        sum += used;
      } else {
        *ended = true;
      }
    }
  }
  return result;
}

double OwnCpuMicroseconds() {
  double used = 0;
  ReadClock(CLOCK_PROCESS_CPUTIME_ID, &used);
  return used;
}

}  // namespace darkroom
