// SPDX-License-Identifier: Apache-2.0
//
// ExitCode is how `darkroom` tells a script what happened; docs/cli.md lists the same table.
// Failure is what a command returns when it did not do its work: the exit code and the Status to
// print. Outcome<T> is a value or such a Failure.
//
// An exit code is more than a Status's code: "invalid_argument" is a usage error when the command
// line is wrong and a failed job when the daemon says it, and a server that cannot be reached has
// no code on the wire at all.
//
// Plain values; any thread may hold its own.

#ifndef DARKROOM_CLI_EXIT_CODE_H_
#define DARKROOM_CLI_EXIT_CODE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/status.h"

namespace darkroom {

enum class ExitCode : int {
  kOk = 0,
  kJobFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kPermission = 4,
  kCannotConnect = 5,
  kDeadline = 6,
  kRefused = 7,
  kConfiguration = 8,
  kInterrupted = 130,
};

struct Failure {
  ExitCode exit_code = ExitCode::kJobFailed;
  Status status;

  // Something that this side found wrong before it asked anybody: arguments, files, credentials.
  static Failure Local(Status status);
  // What a daemon answered.
  static Failure Remote(Status status);
  // Nobody there to ask: no server, or no daemon behind it.
  static Failure Unreachable(std::string message, std::string hint);
  static Failure Interrupted(std::string message);

  // The code's name in --json: a Status code of docs/protocol.md, "unreachable" or "interrupted".
  std::string_view CodeName() const;
  // What, why and what next, in lines for people; safe for a terminal.
  std::string Text() const;
  // {"code", "message", "hint", "retryable", "exit_code"}
  nlohmann::json ToJson() const;
};

template <typename T>
using Outcome = std::variant<T, Failure>;

}  // namespace darkroom

#endif  // DARKROOM_CLI_EXIT_CODE_H_
