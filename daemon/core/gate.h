// SPDX-License-Identifier: Apache-2.0
//
// Stopping means two things: letting nothing new in, and knowing when the last one is out. A Gate
// counts who is inside; once closed it refuses entry, and calls back when the count is down to
// nothing.
//
// For one thread (the io_context's). The callback runs inside the Leave that empties the gate, or
// inside Close when nobody is there.

#ifndef DARKROOM_CORE_GATE_H_
#define DARKROOM_CORE_GATE_H_

#include <cassert>
#include <cstdint>
#include <functional>
#include <utility>

namespace darkroom {

class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // False once closed; every true must be matched by one Leave.
  [[nodiscard]] bool Enter() {
    if (closed_) return false;
    ++inside_;
    return true;
  }

  void Leave() {
    assert(inside_ > 0);
    if (--inside_ == 0 && closed_) CallBack();
  }

  // Once only.
  void Close(std::function<void()> on_empty) {
    assert(!closed_);
    closed_ = true;
    on_empty_ = std::move(on_empty);
    if (inside_ == 0) CallBack();
  }

  bool closed() const { return closed_; }
  uint64_t inside() const { return inside_; }

 private:
  void CallBack() {
    if (on_empty_) std::exchange(on_empty_, nullptr)();
  }

  uint64_t inside_ = 0;
  bool closed_ = false;
  std::function<void()> on_empty_;
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_GATE_H_
