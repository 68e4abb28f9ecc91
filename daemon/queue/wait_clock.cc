// SPDX-License-Identifier: Apache-2.0

#include "queue/wait_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/times.h"

namespace darkroom {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"room", "loading", "urgent", "device"};

// Of kWords.
size_t WordOf(WaitFor cause, JobClass job_class) {
  if (cause == WaitFor::kRoom) return 0;
  if (cause == WaitFor::kLoading) return 1;
  return cause < WaitForClass(job_class) ? 2 : 3;
}

}  // namespace

void WaitClock::Set(WaitFor cause, Time now) {
  totals_ = At(now);
  since_ = now;
  cause_ = cause;
}

WaitClock::Totals WaitClock::At(Time now) const {
  Totals totals = totals_;
  if (since_ != Time()) totals[static_cast<size_t>(cause_)] += std::max(0.0, Ms(now - since_));
  return totals;
}

std::string WaitText(const WaitClock::Totals& from, const WaitClock::Totals& to,
                     JobClass job_class) {
  std::array<double, kWords.size()> ms{};
  for (size_t i = 0; i < to.size(); ++i) {
    ms[WordOf(static_cast<WaitFor>(i), job_class)] += to[i] - from[i];
  }
  std::string text;
  for (size_t i = 0; i < ms.size(); ++i) {
    if (ms[i] < 1) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", kWords[i], std::llround(ms[i]));
  }
  return text;
}

std::string WaitWord(WaitFor cause, JobClass job_class) {
  return std::string(kWords[WordOf(cause, job_class)]);
}

}  // namespace darkroom
