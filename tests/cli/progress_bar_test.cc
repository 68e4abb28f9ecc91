// SPDX-License-Identifier: Apache-2.0

#include "cli/progress_bar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cli/text.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Terminal Screen(size_t width) {
  Terminal terminal;
  terminal.error = true;
  terminal.width = width;
  return terminal;
}

ProgressView View(double fraction, std::string stage) {
  ProgressView view;
  view.label = "echo";
  view.fraction = fraction;
  view.stage = std::move(stage);
  return view;
}

// A bar with a clock of its own that notes what it writes.
struct Recorder {
  explicit Recorder(ProgressMode mode)
      : bar(mode, Screen(60), "echo", start,
            [this](std::string_view text) { written.emplace_back(text); }) {}

  ProgressBar::Time start = ProgressBar::Time() + std::chrono::hours(1);
  std::vector<std::string> written;
  ProgressBar bar;
};

TEST(RenderProgress, ShowsBarPercentStageAndTimeLeft) {
  ProgressView view = View(0.5, "tile 4/8");
  view.left = seconds(90);
  EXPECT_EQ(RenderProgress(view, Screen(60)),
            "echo  ############------------   50%  tile 4/8  1m 30s left");
}

TEST(RenderProgress, NeverFillsTheLine) {
  for (size_t width = 1; width < 120; ++width) {
    ProgressView view = View(0.42, "a stage with quite a long name");
    view.left = seconds(7);
    EXPECT_LT(DisplayWidth(RenderProgress(view, Screen(width))), std::max<size_t>(width, 2))
        << width;
  }
}

TEST(RenderProgress, ShowsFullOnlyWhenAllIsDone) {
  EXPECT_NE(RenderProgress(View(0.999, ""), Screen(60)).find(" 99%"), std::string::npos);
  EXPECT_NE(RenderProgress(View(1, ""), Screen(60)).find("100%"), std::string::npos);
}

TEST(RenderProgress, SaysThatItWaitsBeforeTheFirstMessage) {
  ProgressView view;
  view.label = "echo";
  view.elapsed = milliseconds(3'400);
  EXPECT_EQ(RenderProgress(view, Screen(60)), "echo  waiting  3 s");
}

TEST(RenderProgress, ColoursOnlyWhereItMay) {
  Terminal terminal = Screen(60);
  EXPECT_EQ(RenderProgress(View(0.5, ""), terminal).find('\x1b'), std::string::npos);
  terminal.color = true;
  EXPECT_NE(RenderProgress(View(0.5, ""), terminal).find("\x1b[32m"), std::string::npos);
}

TEST(ProgressBar, DrawsAtMostTenTimesASecond) {
  Recorder recorder(ProgressMode::kBar);
  for (int i = 0; i <= 1000; ++i) {
    recorder.bar.Update(i / 1000.0, "stage", recorder.start + milliseconds(i));
  }
  EXPECT_EQ(recorder.written.size(), 11U);  // at 0, 100, ... 1000 ms
}

TEST(ProgressBar, GoesOnDrawingWhileNothingIsHeard) {
  Recorder recorder(ProgressMode::kBar);
  recorder.bar.Tick(recorder.start);
  recorder.bar.Tick(recorder.start + milliseconds(50));
  recorder.bar.Tick(recorder.start + seconds(2));
  ASSERT_EQ(recorder.written.size(), 2U);
  EXPECT_EQ(recorder.written[1], "\recho  waiting  2 s\x1b[K");
}

TEST(ProgressBar, ReckonsTheTimeLeftFromTheFirstMessage) {
  Recorder recorder(ProgressMode::kBar);
  // A minute in the queue says nothing of how long the work takes.
  recorder.bar.Update(0.2, "", recorder.start + seconds(60));
  recorder.bar.Update(0.6, "", recorder.start + seconds(64));
  EXPECT_NE(recorder.written.back().find("60%  4 s left"), std::string::npos)
      << recorder.written.back();
}

TEST(ProgressBar, ClearsOnlyWhatItDrew) {
  Recorder recorder(ProgressMode::kBar);
  recorder.bar.Clear();
  EXPECT_TRUE(recorder.written.empty());
  recorder.bar.Tick(recorder.start);
  recorder.bar.Clear();
  recorder.bar.Clear();
  ASSERT_EQ(recorder.written.size(), 2U);
  EXPECT_EQ(recorder.written[1], "\r\x1b[K");
}

TEST(ProgressBar, SurvivesWhatADaemonShouldNotSend) {
  Recorder recorder(ProgressMode::kBar);
  recorder.bar.Update(std::nan(""), "\x1b[2J", recorder.start);
  recorder.bar.Update(-5, "", recorder.start + seconds(1));
  recorder.bar.Update(1e300, "", recorder.start + seconds(2));
  ASSERT_EQ(recorder.written.size(), 3U);
  EXPECT_EQ(recorder.written[0].find("\x1b[2J"), std::string::npos);
  EXPECT_NE(recorder.written[1].find("  0%"), std::string::npos);
  EXPECT_NE(recorder.written[2].find("100%"), std::string::npos);
}

TEST(ProgressBar, PlainPrintsALineForEachTenthAndStage) {
  Recorder recorder(ProgressMode::kPlain);
  recorder.bar.Tick(recorder.start);
  recorder.bar.Update(0.02, "tile 1/50", recorder.start + milliseconds(100));
  recorder.bar.Update(0.04, "tile 2/50", recorder.start + milliseconds(200));
  recorder.bar.Update(0.10, "tile 5/50", recorder.start + milliseconds(300));
  recorder.bar.Update(0.11, "encode", recorder.start + milliseconds(400));
  recorder.bar.Clear();
  EXPECT_EQ(recorder.written, (std::vector<std::string>{"echo  2%  tile 1/50  100 ms\n",
                                                        "echo  10%  tile 5/50  300 ms\n",
                                                        "echo  11%  encode  400 ms\n"}));
}

TEST(ProgressBar, NoneWritesNothing) {
  Recorder recorder(ProgressMode::kNone);
  recorder.bar.Update(0.5, "stage", recorder.start);
  recorder.bar.Tick(recorder.start + seconds(1));
  recorder.bar.Clear();
  EXPECT_TRUE(recorder.written.empty());
}

}  // namespace
}  // namespace darkroom
