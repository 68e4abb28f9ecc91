// SPDX-License-Identifier: Apache-2.0
//
// From an image file of a stranger to upright pixels: limits first, then the codec, then the
// orientation.
//
// Pure function; any thread. It runs on lanes.

#ifndef DARKROOM_HOST_DECODE_IMAGE_H_
#define DARKROOM_HOST_DECODE_IMAGE_H_

#include "core/buffer.h"
#include "core/status.h"
#include "host/image.h"
#include "host/image_limits.h"

namespace darkroom::host {

// The picture as a person would see it, with the channels that it has. Every failure is the file's
// (invalid_argument, too_large) or the memory's (resource_exhausted).
Result<Image> DecodeImage(Bytes bytes, const ImageLimits& limits);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_DECODE_IMAGE_H_
