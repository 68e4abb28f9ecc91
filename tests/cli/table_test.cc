// SPDX-License-Identifier: Apache-2.0

#include "cli/table.h"

#include <gtest/gtest.h>

namespace darkroom {
namespace {

Terminal Pipe() { return {}; }

Terminal Screen(size_t width) {
  Terminal terminal;
  terminal.output = true;
  terminal.unicode = true;
  terminal.width = width;
  return terminal;
}

TEST(Table, AlignsColumnsAndLeavesNoTrailingSpace) {
  Table table({{"NAME"}, {"JOBS", Align::kRight}, {"STATE"}});
  table.Add({"echo", "7", "ready"});
  table.Add({"photo-enhance", "12345", "idle"});
  EXPECT_EQ(table.Render(Pipe()),
            "NAME            JOBS  STATE\n"
            "echo               7  ready\n"
            "photo-enhance  12345  idle\n");
}

TEST(Table, ShowsAnEmptyCellAsADash) {
  Table table({{"A"}, {"B"}});
  table.Add({"", "x"});
  table.Add({"y", ""});
  EXPECT_EQ(table.Render(Pipe()), "A  B\n-  x\ny  -\n");
}

TEST(Table, CountsColumnsNotBytes) {
  Table table({{"A"}, {"B"}});
  table.Add({"é", "1"});
  table.Add({"写真", "2"});
  EXPECT_EQ(table.Render(Pipe()), "A     B\né     1\n写真  2\n");
}

TEST(Table, CutsTheLastColumnOnATerminalOnly) {
  Table table({{"A"}, {"SUMMARY"}});
  table.Add({"x", "a long summary that does not fit"});
  EXPECT_EQ(table.Render(Screen(15)), "A  SUMMARY\nx  a long summ…\n");
  EXPECT_EQ(table.Render(Pipe()), "A  SUMMARY\nx  a long summary that does not fit\n");
}

TEST(Table, LetsALineWrapWhereTooLittleIsLeftForTheLastColumn) {
  Table table({{"A"}, {"SUMMARY"}});
  table.Add({"0123456789", "a long summary"});
  EXPECT_EQ(table.Render(Screen(14)), "A           SUMMARY\n0123456789  a long summary\n");
}

TEST(Table, MakesForeignTextHarmless) {
  Table table({{"A"}});
  table.Add({"\x1b[2Jgone\nsecond line"});
  EXPECT_EQ(table.Render(Pipe()), "A\n [2Jgone second line\n");
}

TEST(Table, IndentsAndColoursTheHeading) {
  Table table({{"A"}});
  table.Add({"x"});
  Terminal terminal = Screen(80);
  terminal.color = true;
  EXPECT_EQ(table.Render(terminal, 2), "\x1b[1m  A\x1b[0m\n  x\n");
}

}  // namespace
}  // namespace darkroom
