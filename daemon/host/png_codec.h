// SPDX-License-Identifier: Apache-2.0
//
// PNG by libspng. Reads every kind: palettes, transparent colours, 1 to 16 bits, interlaced; of an
// animation the first image. Writes 8 bits with the same number of channels, lossless, quickly
// rather than small.
//
// Pure functions; any thread.

#ifndef DARKROOM_HOST_PNG_CODEC_H_
#define DARKROOM_HOST_PNG_CODEC_H_

#include "core/buffer.h"
#include "core/status.h"
#include "host/image.h"
#include "host/image_limits.h"

namespace darkroom::host {

// The image as stored; the orientation is the caller's. Cut files and wrong checksums are errors.
// 16-bit samples are rounded to the nearest of 8 bits.
Result<Image> DecodePng(Bytes bytes, const ImageLimits& limits);

// The bytes are the codec's memory, not a copy.
Result<Buffer> EncodePng(const ImageView& image);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_PNG_CODEC_H_
