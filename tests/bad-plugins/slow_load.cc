// SPDX-License-Identifier: Apache-2.0
//
// Takes three seconds to load.

#include <chrono>
#include <thread>

#include "bad_plugin.h"

namespace {

dr_status Load(const dr_host_t*) {
  std::this_thread::sleep_for(std::chrono::seconds(3));
  return DR_OK;
}

}  // namespace

BAD_PLUGIN(.load = Load)
