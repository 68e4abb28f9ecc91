// SPDX-License-Identifier: Apache-2.0

#include "cli/table.h"

#include <algorithm>
#include <cassert>

#include "cli/text.h"

namespace darkroom {
namespace {

constexpr size_t kGap = 2;  // spaces between columns
constexpr size_t kLeastLast =
    8;  // a last column narrower than this says nothing: rather let the line wrap

std::string Pad(const std::string& text, size_t width, Align align) {
  const size_t used = DisplayWidth(text);
  const std::string spaces(width > used ? width - used : 0, ' ');
  return align == Align::kLeft ? text + spaces : spaces + text;
}

void TrimEnd(std::string* line) { line->erase(line->find_last_not_of(' ') + 1); }

}  // namespace

void Table::Add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Render(const Terminal& terminal, size_t indent) const {
  std::vector<size_t> widths;
  for (const Column& column : columns_) widths.push_back(DisplayWidth(column.heading));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  size_t before_last = indent;
  for (size_t i = 0; i + 1 < widths.size(); ++i) before_last += widths[i] + kGap;
  if (terminal.output && terminal.width > before_last + kLeastLast) {
    widths.back() = std::min(widths.back(), terminal.width - before_last);
  }

  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text(indent, ' ');
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) text.append(kGap, ' ');
      text += Pad(Shorten(cells[i], widths[i], terminal.unicode), widths[i], columns_[i].align);
    }
    TrimEnd(&text);
    return text;
  };

  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  const bool bold = terminal.output && terminal.color;
  std::string out = bold ? "\x1b[1m" + line(headings) + "\x1b[0m\n" : line(headings) + "\n";
  for (const auto& row : rows_) out += line(row) + "\n";
  return out;
}

}  // namespace darkroom
