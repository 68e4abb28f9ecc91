// SPDX-License-Identifier: Apache-2.0
//
// Text for terminals: what strangers sent made harmless, columns counted, times and ages as people
// say them.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_TEXT_H_
#define DARKROOM_CLI_TEXT_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace darkroom {

// Names, messages and stages come from other machines, and a terminal obeys control characters:
// they become spaces, and bytes that are no UTF-8 become '?'. The result is one line.
std::string Printable(std::string_view text);

// The same, but lines and tabs stay: for a reply's text shown on a terminal.
std::string PrintableLines(std::string_view text);

bool IsUtf8(std::string_view text);

// How many columns the text takes. Wide characters (CJK, emoji) take two, combining marks none.
size_t DisplayWidth(std::string_view text);

// The text cut to `width` columns, its end replaced by "…" (or "." where the terminal is not
// UTF-8).
std::string Shorten(std::string_view text, size_t width, bool unicode);

// "0.4 ms", "812 ms", "3.2 s", "4m 10s", "3h 12m", "5d 2h".
std::string FormatTime(std::chrono::duration<double, std::milli> time);

}  // namespace darkroom

#endif  // DARKROOM_CLI_TEXT_H_
