// SPDX-License-Identifier: Apache-2.0

#include "cli/run_options.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

using std::chrono::milliseconds;

RunArguments For(std::string model) {
  RunArguments arguments;
  arguments.model = std::move(model);
  return arguments;
}

Result<RunOptions> Check(const RunArguments& arguments, bool json = false, bool terminal = false) {
  Terminal screen;
  screen.error = terminal;
  return CheckRunArguments(arguments, "darkroom", screen, json);
}

TEST(RunOptions, AModelNamesItsSubject) {
  const Result<RunOptions> options = Check(For("echo"));
  ASSERT_TRUE(options.ok()) << options.status().ToString();
  EXPECT_EQ(options->subject, "darkroom.run.echo");
  EXPECT_EQ(options->job.size(), 20U);
  EXPECT_FALSE(options->deadline.has_value());
  EXPECT_FALSE(options->timeout.has_value());
}

TEST(RunOptions, PreviewsGoToAFileOfTheirOwn) {
  RunArguments arguments = For("echo");
  EXPECT_EQ(Check(arguments)->preview, "");
  arguments.output = "out.png";
  arguments.preview = "now.jpg";
  EXPECT_EQ(Check(arguments)->preview, "now.jpg");
  arguments.preview = "out.png";
  EXPECT_EQ(Check(arguments).status().message(),
            "--preview and -o are both to be written to 'out.png'");
  arguments.preview = "-";
  EXPECT_EQ(Check(arguments).status().message(), "--preview - cannot be told from the result");
}

TEST(RunOptions, ARoutesSubjectNeedsNoModel) {
  RunArguments arguments;
  EXPECT_EQ(Check(arguments).status().code(), Code::kInvalidArgument);
  arguments.subject = "photos.in";
  const Result<RunOptions> options = Check(arguments);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->subject, "photos.in");
  EXPECT_EQ(options->label(), "photos.in");
}

TEST(RunOptions, NamesCannotReachOtherSubjects) {
  for (const char* name : {"a.b", "*", ">", "a b", ""}) {
    EXPECT_EQ(Check(For(name)).status().code(), Code::kInvalidArgument) << name;
  }
  RunArguments arguments;
  arguments.subject = "photos.>";
  EXPECT_EQ(Check(arguments).status().code(), Code::kInvalidArgument);
}

TEST(RunOptions, DeadlineAndTimeoutImplyEachOther) {
  RunArguments arguments = For("echo");
  arguments.deadline = "30s";
  Result<RunOptions> options = Check(arguments);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->deadline, milliseconds(30'000));
  EXPECT_EQ(options->timeout, milliseconds(32'000));

  arguments.deadline.clear();
  arguments.timeout = "500ms";
  options = Check(arguments);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->deadline, milliseconds(500));
  EXPECT_EQ(options->timeout, milliseconds(500));

  arguments.timeout = "0s";
  EXPECT_EQ(Check(arguments).status().code(), Code::kInvalidArgument);
  arguments.timeout = "5";
  EXPECT_EQ(Check(arguments).status().code(), Code::kInvalidArgument);
}

TEST(RunOptions, ProgressIsForTerminals) {
  EXPECT_EQ(Check(For("echo"))->progress, ProgressMode::kNone);
  EXPECT_EQ(Check(For("echo"), false, true)->progress, ProgressMode::kBar);
  EXPECT_EQ(Check(For("echo"), true, true)->progress, ProgressMode::kNone);
  RunArguments arguments = For("echo");
  arguments.quiet = true;
  EXPECT_EQ(Check(arguments, false, true)->progress, ProgressMode::kNone);
  arguments.progress = "plain";
  EXPECT_EQ(Check(arguments)->progress, ProgressMode::kPlain);
  arguments.progress = "fancy";
  EXPECT_EQ(Check(arguments).status().code(), Code::kInvalidArgument);
}

TEST(RunOptions, TheOutputChoosesTheFormUnlessToldOtherwise) {
  RunArguments arguments = For("echo");
  arguments.output = "better.jpg";
  EXPECT_EQ(Check(arguments)->accept, "image/jpeg");
  arguments.accept = "webp";
  EXPECT_EQ(Check(arguments)->accept, "image/webp");
}

TEST(RunOptions, StandardOutputHoldsOneThing) {
  RunArguments arguments = For("echo");
  arguments.output = "-";
  EXPECT_TRUE(Check(arguments).ok());
  EXPECT_EQ(Check(arguments, true).status().code(), Code::kInvalidArgument);
}

TEST(RunOptions, AJobsIdIsAToken) {
  RunArguments arguments = For("echo");
  arguments.job = "order_17-a";
  EXPECT_EQ(Check(arguments)->job, "order_17-a");
  arguments.job = "a.b";
  EXPECT_EQ(Check(arguments).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace darkroom
