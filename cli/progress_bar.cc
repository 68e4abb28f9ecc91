// SPDX-License-Identifier: Apache-2.0

#include "cli/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/text.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRedraw{100};
constexpr size_t kWidestBar = 32;
constexpr size_t kNarrowestBar = 8;

std::string Bar(double fraction, size_t width, const Terminal& terminal) {
  const auto filled = static_cast<size_t>(std::lround(fraction * static_cast<double>(width)));
  const std::string_view full = terminal.unicode ? "━" : "#";
  const std::string_view rest = terminal.unicode ? "─" : "-";
  std::string bar;
  if (terminal.color) bar += "\x1b[32m";
  for (size_t i = 0; i < filled; ++i) bar += full;
  if (terminal.color) bar += "\x1b[0m\x1b[2m";
  for (size_t i = filled; i < width; ++i) bar += rest;
  if (terminal.color) bar += "\x1b[0m";
  return bar;
}

// Without tenths below a minute, which would only flicker.
std::string Seconds(milliseconds time) {
  if (time >= milliseconds(59'500)) return FormatTime(time);
  return fmt::format("{} s", (time.count() + 500) / 1000);
}

}  // namespace

std::string RenderProgress(const ProgressView& view, const Terminal& terminal) {
  // The last column stays free: a terminal that wraps there would scroll with every redraw.
  const size_t width = terminal.width > 1 ? terminal.width - 1 : 1;
  if (!view.fraction) {
    const std::string_view stage = view.stage.empty() ? "waiting" : std::string_view(view.stage);
    const std::string text = fmt::format("{}  {}  {}", view.label, stage, Seconds(view.elapsed));
    return Shorten(text, width, terminal.unicode);
  }
  std::string tail = fmt::format("{:3.0f}%", std::floor(*view.fraction * 100));
  if (!view.stage.empty()) tail += "  " + view.stage;
  if (view.left) tail += fmt::format("  {} left", Seconds(*view.left));
  const size_t texts = DisplayWidth(view.label) + 2 + 2 + DisplayWidth(tail);
  if (texts + kNarrowestBar > width) {
    return Shorten(fmt::format("{} {}", view.label, tail), width, terminal.unicode);
  }
  const size_t bar = std::min(kWidestBar, width - texts);
  return fmt::format("{}  {}  {}", view.label, Bar(*view.fraction, bar, terminal), tail);
}

ProgressBar::ProgressBar(ProgressMode mode, const Terminal& terminal, std::string label, Time now,
                         Write write)
    : mode_(mode), terminal_(terminal), write_(std::move(write)), started_(now) {
  view_.label = Printable(label);
}

void ProgressBar::Update(double fraction, std::string stage, Time now) {
  view_.fraction = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  view_.stage = Printable(stage);
  if (!first_time_) {
    first_time_ = now;
    first_fraction_ = *view_.fraction;
  }
  view_.left.reset();
  const double gained = *view_.fraction - first_fraction_;
  if (gained > 0) {
    const std::chrono::duration<double, std::milli> spent = now - *first_time_;
    // To whole seconds: tenths that jump about tell nobody anything.
    const double seconds = std::ceil(spent.count() / gained * (1 - *view_.fraction) / 1000);
    if (seconds < 1e7) view_.left = milliseconds(static_cast<int64_t>(seconds) * 1000);
  }
  if (mode_ == ProgressMode::kPlain) PrintPlain(now);
  Tick(now);
}

void ProgressBar::Tick(Time now) {
  if (mode_ != ProgressMode::kBar) return;
  if (drawn_ && now - *drawn_ < kRedraw) return;
  Draw(now);
}

void ProgressBar::Draw(Time now) {
  view_.elapsed = std::chrono::duration_cast<milliseconds>(now - started_);
  drawn_ = now;
  write_("\r" + RenderProgress(view_, terminal_) + "\x1b[K");
}

void ProgressBar::Clear() {
  if (!drawn_) return;
  drawn_.reset();
  write_("\r\x1b[K");
}

void ProgressBar::PrintPlain(Time now) {
  const int tenth = static_cast<int>(*view_.fraction * 10);
  // "tile 3/16" and "tile 4/16" are one stage; a log wants to see it change, not count.
  const std::string stage = view_.stage.substr(0, view_.stage.find_first_of("0123456789"));
  if (stage == printed_stage_ && tenth <= printed_tenth_) return;
  printed_stage_ = stage;
  printed_tenth_ = tenth;
  write_(fmt::format("{}  {:.0f}%{}{}  {}\n", view_.label, std::floor(*view_.fraction * 100),
                     view_.stage.empty() ? "" : "  ", view_.stage, FormatTime(now - started_)));
}

}  // namespace darkroom
