// SPDX-License-Identifier: Apache-2.0
//
// The words that a plugin sets before it gives a status other than OK. They belong to the thread
// that set them, since a plugin's helper threads and its lane may fail at the same time; whoever
// takes the status takes the words of that thread.
//
// Any thread. The lock is taken only where there are words.

#ifndef DARKROOM_HOST_ERROR_WORDS_H_
#define DARKROOM_HOST_ERROR_WORDS_H_

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace darkroom::host {

class ErrorWords {
 public:
  // The calling thread's words; they replace those that it set before.
  void Set(std::string_view words);

  // The calling thread's words, which are gone then; empty if it set none.
  std::string Take();

 private:
  // A plugin whose threads come and go must not make the host grow.
  static constexpr size_t kMaxThreads = 64;
  static constexpr size_t kMaxBytes = 4096;

  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::map<std::thread::id, std::string> words_;  // guarded by mutex_
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_ERROR_WORDS_H_
