// SPDX-License-Identifier: Apache-2.0
//
// A run as bytes, for the worker or the host that goes on with it (darkroom.checkpoint/1). What
// Begin makes again of the job, with the same bits, is not among them: the prompt's states, the
// source's latents and noise. What is: the latents, and the schedulers' states with what their
// random generators draw next.
//
//   state   = number kFormat, number of the owner, number of the digest of all that follows,
//             number of drawings, drawing*
//   drawing = tensor of the latents, text of the scheduler's state
//
// as common/diffusion/byte_stream.h has them. The owner is the Fingerprint of all that the picture
// depends on: the job's params and inputs, the weights, the dtype.
//
// Threads: the instance's lane.

#ifndef DARKROOM_PLUGINS_SDXL_RUN_STATE_H_
#define DARKROOM_PLUGINS_SDXL_RUN_STATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sdxl/drawing.h"
#include "sdxl/fingerprint.h"
#include "sdxl/folder.h"

namespace darkroom::sdxl {

// Of the folder's weights, without LoRAs, and of the files of a folder of words that were learnt,
// which may be empty: there are none.
uint64_t FingerprintOf(const Folder& folder, const std::string& embeddings);

using Drawings = std::vector<std::unique_ptr<Drawing>>;

std::string SaveDrawings(const Drawings& drawings, uint64_t owner);

// `drawings`: as the same request has just begun them. Throws Error (DR_FAILED_PRECONDITION) for
// bytes that are damaged or another's; the drawings may be anything then.
void RestoreDrawings(std::string_view state, uint64_t owner, const Drawings& drawings);

}  // namespace darkroom::sdxl

#endif  // DARKROOM_PLUGINS_SDXL_RUN_STATE_H_
