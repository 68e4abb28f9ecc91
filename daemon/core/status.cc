// SPDX-License-Identifier: Apache-2.0

#include "core/status.h"

#include <array>

namespace darkroom {
namespace {

struct Row {
  Code code;
  std::string_view name;
  int number;
  bool retryable;
};

// The one table; docs/protocol.md repeats it for clients, and a test compares the two.
constexpr std::array<Row, 14> kRows = {{
    {Code::kOk, "ok", 200, false},
    {Code::kCancelled, "cancelled", 499, false},
    {Code::kInvalidArgument, "invalid_argument", 400, false},
    {Code::kDeadlineExceeded, "deadline_exceeded", 504, true},
    {Code::kNotFound, "not_found", 404, false},
    {Code::kResourceExhausted, "resource_exhausted", 507, true},
    {Code::kFailedPrecondition, "failed_precondition", 412, false},
    {Code::kUnimplemented, "unimplemented", 501, false},
    {Code::kInternal, "internal", 500, false},
    {Code::kInstanceLost, "instance_lost", 502, true},
    {Code::kDeviceLost, "device_lost", 503, true},
    {Code::kBusy, "busy", 429, true},
    {Code::kTooLarge, "too_large", 413, false},
    {Code::kUnauthorized, "unauthorized", 401, false},
}};

const Row& Find(Code code) {
  for (const Row& row : kRows) {
    if (row.code == code) return row;
  }
  return Find(Code::kInternal);
}

}  // namespace

std::string_view CodeName(Code code) { return Find(code).name; }

std::optional<Code> CodeByName(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.code;
  }
  return std::nullopt;
}

int CodeNumber(Code code) { return Find(code).number; }

bool IsRetryable(Code code) { return Find(code).retryable; }

Code CodeFromAbi(int32_t status) {
  if (status < 0 || status > static_cast<int32_t>(Code::kDeviceLost)) return Code::kInternal;
  return static_cast<Code>(status);
}

Code CodeFromProcess(int32_t number) {
  const bool ours = number >= static_cast<int32_t>(Code::kBusy) &&
                    number <= static_cast<int32_t>(Code::kUnauthorized);
  return ours ? static_cast<Code>(number) : CodeFromAbi(number);
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  std::string text{CodeName(code_)};
  text.append(": ").append(message_);
  if (!hint_.empty()) text.append(" (").append(hint_).append(")");
  return text;
}

Status Status::Annotated(std::string_view prefix) const {
  if (ok()) return *this;
  return {code_, std::string(prefix).append(": ").append(message_), hint_};
}

}  // namespace darkroom
