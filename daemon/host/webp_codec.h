// SPDX-License-Identifier: Apache-2.0
//
// WebP by libwebp. Reads lossy and lossless files, with and without alpha, as RGB or RGBA; of an
// animation the first frame on its canvas. WebP has no grey: grey images are written as RGB.
//
// Pure functions; any thread.

#ifndef DARKROOM_HOST_WEBP_CODEC_H_
#define DARKROOM_HOST_WEBP_CODEC_H_

#include "core/buffer.h"
#include "core/status.h"
#include "host/image.h"
#include "host/image_limits.h"

namespace darkroom::host {

// The image as stored; the orientation is the caller's. Cut files are errors.
Result<Image> DecodeWebp(Bytes bytes, const ImageLimits& limits);

// Quality 1 to 100; 100 is lossless, transparent pixels' colours included. Sides beyond 16383 are
// refused. The bytes are the codec's memory, not a copy.
Result<Buffer> EncodeWebp(const ImageView& image, int quality);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_WEBP_CODEC_H_
