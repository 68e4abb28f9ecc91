// SPDX-License-Identifier: Apache-2.0

#include "core/thread.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace darkroom {

void SetThreadName(std::string_view name) {
  std::array<char, 16> text{};
  size_t length = std::min(name.size(), text.size() - 1);
  // A character of several bytes is kept whole or not at all.
  while (length > 0 && length < name.size() &&
         (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U) {
    --length;
  }
  std::copy_n(name.data(), length, text.data());
  pthread_setname_np(pthread_self(), text.data());
}

uint32_t ThreadId() { return static_cast<uint32_t>(gettid()); }

}  // namespace darkroom
