// SPDX-License-Identifier: Apache-2.0
//
// Status says how an operation ended: fine, or with one code of a closed list, a sentence for
// people and, where there is one, a hint that says what to do next. Result<T> is a value or such a
// Status.
//
// Both are plain values: any thread may hold its own, and const members may be called concurrently.
//
// The codes up to kDeviceLost are those of the plugin ABI (darkroom/plugin.h) with the same
// numbers; the rest are the daemon's own. docs/protocol.md lists them all with what a client should
// do.

#ifndef DARKROOM_CORE_STATUS_H_
#define DARKROOM_CORE_STATUS_H_

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace darkroom {

enum class Code : int32_t {
  kOk = 0,
  kCancelled = 1,
  kInvalidArgument = 2,
  kDeadlineExceeded = 3,
  kNotFound = 4,
  kResourceExhausted = 5,
  kFailedPrecondition = 6,
  kUnimplemented = 7,
  kInternal = 8,
  kInstanceLost = 9,
  kDeviceLost = 10,
  kBusy = 32,
  kTooLarge = 33,
  kUnauthorized = 34,
};

// The name on the wire, such as "invalid_argument".
std::string_view CodeName(Code code);
std::optional<Code> CodeByName(std::string_view name);

// The number of the Nats-Service-Error-Code header, such as 400. 200 for kOk.
int CodeNumber(Code code);

// Whether the same request may succeed later or elsewhere.
bool IsRetryable(Code code);

// Whether what runs jobs is gone with this, and not just a job.
inline bool IsLost(Code code) { return code == Code::kInstanceLost || code == Code::kDeviceLost; }

// The ABI's dr_status as a Code. A number this build does not know is kInternal: a newer plugin may
// name a new failure, and no failure may turn into success.
Code CodeFromAbi(int32_t status);

// The number of a Code, as another process of ours wrote it, as a Code. One that does not exist is
// kInternal.
Code CodeFromProcess(int32_t number);

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(Code code, std::string message, std::string hint = {})
      : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

  static Status Ok() { return {}; }
  static Status InvalidArgument(std::string message, std::string hint = {}) {
    return {Code::kInvalidArgument, std::move(message), std::move(hint)};
  }
  static Status NotFound(std::string message, std::string hint = {}) {
    return {Code::kNotFound, std::move(message), std::move(hint)};
  }
  static Status FailedPrecondition(std::string message, std::string hint = {}) {
    return {Code::kFailedPrecondition, std::move(message), std::move(hint)};
  }
  static Status ResourceExhausted(std::string message, std::string hint = {}) {
    return {Code::kResourceExhausted, std::move(message), std::move(hint)};
  }
  static Status Internal(std::string message, std::string hint = {}) {
    return {Code::kInternal, std::move(message), std::move(hint)};
  }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }

  // "invalid_argument: what happened (hint)", or "ok".
  std::string ToString() const;

  // The same status with `prefix` and ": " before its message; OK stays OK.
  Status Annotated(std::string_view prefix) const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
  std::string hint_;
};

// A value, or the reason why there is none. Asking for the side that is not there is a bug and
// asserts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<1>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Status status)
      : state_(std::in_place_index<0>, std::move(status)) {  // NOLINT: implicit by design
    assert(!std::get<0>(state_).ok());
  }

  bool ok() const { return state_.index() == 1; }
  Status status() const { return ok() ? Status::Ok() : std::get<0>(state_); }

  T& value() & { return std::get<1>(state_); }
  const T& value() const& { return std::get<1>(state_); }
  T&& value() && { return std::get<1>(std::move(state_)); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<Status, T> state_;
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_STATUS_H_
