// SPDX-License-Identifier: Apache-2.0
//
// Terminal says what the three standard streams are connected to, and so how to write to them: bars
// and colour for people, plain text for pipes.
//
// A plain value, made once by main and passed on, so that tests can pretend.

#ifndef DARKROOM_CLI_TERMINAL_H_
#define DARKROOM_CLI_TERMINAL_H_

#include <cstddef>

namespace darkroom {

struct Terminal {
  bool output = false;   // standard output is a terminal
  bool error = false;    // standard error is a terminal
  bool color = false;    // NO_COLOR is not set, and TERM is not "dumb"
  bool unicode = false;  // the locale says UTF-8
  size_t width = 80;     // columns

  static Terminal Detect();
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_TERMINAL_H_
