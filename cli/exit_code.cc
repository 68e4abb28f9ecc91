// SPDX-License-Identifier: Apache-2.0

#include "cli/exit_code.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/text.h"

namespace darkroom {
namespace {

ExitCode ForReply(Code code) {
  switch (code) {
    case Code::kOk:
      return ExitCode::kOk;
    case Code::kNotFound:
      return ExitCode::kNotFound;
    case Code::kUnauthorized:
      return ExitCode::kPermission;
    case Code::kDeadlineExceeded:
      return ExitCode::kDeadline;
    case Code::kBusy:
    case Code::kTooLarge:
      return ExitCode::kRefused;
    case Code::kFailedPrecondition:
      return ExitCode::kConfiguration;
    default:
      return ExitCode::kJobFailed;
  }
}

}  // namespace

Failure Failure::Local(Status status) {
  const ExitCode code =
      status.code() == Code::kInvalidArgument ? ExitCode::kUsage : ForReply(status.code());
  return {code, std::move(status)};
}

Failure Failure::Remote(Status status) {
  const ExitCode code = ForReply(status.code());
  return {code, std::move(status)};
}

Failure Failure::Unreachable(std::string message, std::string hint) {
  return {ExitCode::kCannotConnect, {Code::kInternal, std::move(message), std::move(hint)}};
}

Failure Failure::Interrupted(std::string message) {
  return {ExitCode::kInterrupted, {Code::kCancelled, std::move(message)}};
}

std::string_view Failure::CodeName() const {
  if (exit_code == ExitCode::kCannotConnect) return "unreachable";
  if (exit_code == ExitCode::kInterrupted) return "interrupted";
  return darkroom::CodeName(status.code());
}

std::string Failure::Text() const {
  std::string text = fmt::format("darkroom: {}\n", Printable(status.message()));
  if (!status.hint().empty()) text += fmt::format("  {}\n", Printable(status.hint()));
  return text;
}

nlohmann::json Failure::ToJson() const {
  const bool retryable = exit_code == ExitCode::kCannotConnect || IsRetryable(status.code());
  return {{"code", CodeName()},
          {"message", status.message()},
          {"hint", status.hint()},
          {"retryable", retryable},
          {"exit_code", static_cast<int>(exit_code)}};
}

}  // namespace darkroom
