// SPDX-License-Identifier: Apache-2.0
//
// Mailbox brings values from any thread to the io_context's thread. A burst costs one wake: only
// the first value put into an empty mailbox posts to the io_context, and the reader takes all that
// has gathered at once.
//
// Put may be called from any thread; the reader runs on the io_context only. The reader must
// outlive the mailbox's last Put, and Close must be called on the io_context's thread before either
// is destroyed.

#ifndef DARKROOM_CORE_MAILBOX_H_
#define DARKROOM_CORE_MAILBOX_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace darkroom {

template <typename T>
class Mailbox {
 public:
  using Reader = std::function<void(std::vector<T>& values)>;

  Mailbox(boost::asio::io_context& io, Reader reader) : io_(io), state_(std::make_shared<State>()) {
    state_->reader = std::move(reader);
  }
  ~Mailbox() { Close(); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void Put(T value) {
    bool first = false;
    {
      std::lock_guard lock(state_->mutex);
      first = state_->values.empty();
      state_->values.push_back(std::move(value));
    }
    if (first) {
      boost::asio::post(io_, [state = state_] { state->Deliver(); });
    }
  }

  // What is still in the box is dropped, and the reader is not called again.
  void Close() { state_->reader = nullptr; }

 private:
  // Shared with posted handlers, so that one still in the io_context's line finds a closed box
  // rather than a freed one.
  struct State {
    void Deliver() {
      {
        std::lock_guard lock(mutex);
        taken.swap(values);
      }
      if (reader) reader(taken);
      taken.clear();
    }

    std::mutex mutex;
    std::vector<T> values;  // guarded by mutex
    std::vector<T> taken;   // io thread; kept for its capacity
    Reader reader;          // io thread
  };

  boost::asio::io_context& io_;
  std::shared_ptr<State> state_;
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_MAILBOX_H_
