// SPDX-License-Identifier: Apache-2.0
//
// SharedWork is so many pieces of work that whoever has time takes from: each piece is done once,
// by one of the threads that help.
//
// Any thread. It is held by shared_ptr, since a helper may come when all is done and its owner has
// gone on; what the pieces are about must live until Finish has returned.

#ifndef DARKROOM_HOST_SHARED_WORK_H_
#define DARKROOM_HOST_SHARED_WORK_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

namespace darkroom::host {

class SharedWork {
 public:
  SharedWork(size_t count, std::function<void(size_t)> piece)
      : count_(count), piece_(std::move(piece)) {}

  // Does what nobody has begun.
  void Help() {
    for (size_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
      piece_(i);
      if (done_.fetch_add(1) + 1 == count_) done_.notify_all();
    }
  }
  // The same, and waits for what others have begun.
  void Finish() {
    Help();
    for (size_t done = done_.load(); done != count_; done = done_.load()) done_.wait(done);
  }
  bool done() const { return done_.load() == count_; }

 private:
  const size_t count_;
  const std::function<void(size_t)> piece_;
  std::atomic<size_t> next_{0};
  std::atomic<size_t> done_{0};
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_SHARED_WORK_H_
