// SPDX-License-Identifier: Apache-2.0
//
// ProgressBar shows how far one job is: on a terminal one line that is drawn again and again (bar,
// percent, stage, time left), at most ten times a second; in plain mode a line for each stage or
// tenth; else nothing at all.
//
// One thread. The clock is the caller's: every call says what time it is, so that tests need none.

#ifndef DARKROOM_CLI_PROGRESS_BAR_H_
#define DARKROOM_CLI_PROGRESS_BAR_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/terminal.h"

namespace darkroom {

enum class ProgressMode { kNone, kPlain, kBar };

// What a bar shows at one moment.
struct ProgressView {
  std::string label;
  std::optional<double> fraction;  // unknown until the first progress message
  std::string stage;
  std::chrono::milliseconds elapsed{0};
  std::optional<std::chrono::milliseconds> left;
};

// One line without its end, never wider than the terminal.
std::string RenderProgress(const ProgressView& view, const Terminal& terminal);

class ProgressBar {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Write = std::function<void(std::string_view)>;

  ProgressBar(ProgressMode mode, const Terminal& terminal, std::string label, Time now,
              Write write);

  // A progress message came.
  void Update(double fraction, std::string stage, Time now);
  // Draws if it is time to: the elapsed time goes on while nothing is heard.
  void Tick(Time now);
  // Something else is to be printed on standard error: takes the line away.
  void Clear();

  bool draws() const { return mode_ == ProgressMode::kBar; }

 private:
  void Draw(Time now);
  void PrintPlain(Time now);

  ProgressMode mode_;
  Terminal terminal_;
  Write write_;
  ProgressView view_;
  Time started_;
  std::optional<Time> drawn_;
  // Where the time left is reckoned from: what came before the first message was waiting and
  // loading, not work.
  std::optional<Time> first_time_;
  double first_fraction_ = 0;
  std::string printed_stage_;
  int printed_tenth_ = -1;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_PROGRESS_BAR_H_
