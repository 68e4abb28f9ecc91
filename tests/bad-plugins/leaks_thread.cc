// SPDX-License-Identifier: Apache-2.0
//
// Starts a thread when it is loaded, and leaves it behind: asleep, in code that is to be unmapped.

#include <unistd.h>

#include <thread>

#include "bad_plugin.h"

namespace {

dr_status Load(const dr_host_t*) {
  std::thread([] {
    for (;;) pause();
  }).detach();
  return DR_OK;
}

}  // namespace

BAD_PLUGIN(.load = Load)
