// SPDX-License-Identifier: Apache-2.0
//
// A job's saved state as an object of the bucket of states: with what it belongs to, so that
// whoever is given the job later can tell whether it is the job's.
//
//   object = head "\n" bytes
//   head   = JSON, one line: {"format": 1, "job", "submission", "model", "plugin", "weights",
//            "step", "bytes": how many follow}
//
// Plain functions, any thread.

#ifndef DARKROOM_DURABLE_KEPT_STATE_H_
#define DARKROOM_DURABLE_KEPT_STATE_H_

#include <cstdint>
#include <string>

#include "core/buffer.h"
#include "core/saved_state.h"
#include "core/status.h"

namespace darkroom {

// Whose state it is: the job's id may have been another's before, its number in the stream not.
struct StateOwner {
  std::string job;
  std::string model;
  uint64_t submission = 0;
};

Buffer WriteKeptState(const StateOwner& owner, const SavedState& state);

// kFailedPrecondition: it is damaged, or another's; the words say which.
Result<SavedState> ReadKeptState(const StateOwner& owner, Bytes object);

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_KEPT_STATE_H_
