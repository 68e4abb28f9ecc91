// SPDX-License-Identifier: Apache-2.0
//
// SavedState is where a job that runs in steps was, as its plugin wrote that down: what another
// instance goes on from when the one that made it is lost, here or at another host.
//
// Immutable once it is shared; any thread may read it then.

#ifndef DARKROOM_CORE_SAVED_STATE_H_
#define DARKROOM_CORE_SAVED_STATE_H_

#include <cstdint>
#include <string>

#include "core/buffer.h"

namespace darkroom {

// A larger one is not kept: latents of 4096 x 4096 pixels with a scheduler's history take a fifth.
inline constexpr uint64_t kMostStateBytes = uint64_t{64} << 20;

struct SavedState {
  uint32_t step = 0;  // how many steps had been made
  Buffer bytes;       // the plugin's own, which checks them
  // What made it. Only the same goes on from it.
  std::string plugin;   // id and version
  std::string weights;  // digest; empty: none, or not known yet
};

}  // namespace darkroom

#endif  // DARKROOM_CORE_SAVED_STATE_H_
