// SPDX-License-Identifier: Apache-2.0
//
// Table is rows of text with a heading, aligned in columns: what `models`, `ps` and `status` print.
// On a terminal the last column is cut to fit and the heading is bold; in a pipe nothing is cut and
// nothing is coloured.
//
// One thread. Cells may come from other machines: they are made printable here.

#ifndef DARKROOM_CLI_TABLE_H_
#define DARKROOM_CLI_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "cli/terminal.h"

namespace darkroom {

enum class Align { kLeft, kRight };

class Table {
 public:
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns; an empty cell is shown as "-".
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // The whole table, each line ended, without trailing spaces. `indent` spaces stand before each
  // line.
  std::string Render(const Terminal& terminal, size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_TABLE_H_
