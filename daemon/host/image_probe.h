// SPDX-License-Identifier: Apache-2.0
//
// Tells what an image is from its header alone: nothing is decoded or unpacked and nothing is
// allocated by a size that the file claims. Formats are recognised by their first bytes, never by
// what the requester says they are.
//
// Pure functions; any thread.

#ifndef DARKROOM_HOST_IMAGE_PROBE_H_
#define DARKROOM_HOST_IMAGE_PROBE_H_

#include "core/buffer.h"
#include "core/status.h"
#include "host/image.h"

namespace darkroom::host {

// What the header says. A file that is cut or damaged behind its header passes: the decoder will
// find out. A format that darkroom does not read is refused by its name. Sizes are as claimed: see
// CheckImageSize.
Result<ImageInfo> ProbeImage(Bytes bytes);

// Whether the bytes begin like an image of any kind, read by darkroom or not.
bool LooksLikeImage(Bytes bytes);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_IMAGE_PROBE_H_
