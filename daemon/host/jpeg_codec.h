// SPDX-License-Identifier: Apache-2.0
//
// JPEG by libjpeg-turbo. Reads baseline and progressive files: grey as 1 channel, everything else
// as RGB; CMYK and YCCK are converted. Writes grey or RGB.
//
// Pure functions; any thread.

#ifndef DARKROOM_HOST_JPEG_CODEC_H_
#define DARKROOM_HOST_JPEG_CODEC_H_

#include "core/buffer.h"
#include "core/status.h"
#include "host/image.h"
#include "host/image_limits.h"

namespace darkroom::host {

// The image as stored; the orientation is the caller's. A file that is cut or whose data do not fit
// together is an error: libjpeg would fill the rest with grey.
Result<Image> DecodeJpeg(Bytes bytes, const ImageLimits& limits);

// Quality 1 to 100. Colour at full resolution from 90 on, at half below. JPEG has no alpha: images
// that have it are laid over white. The bytes are the codec's memory, not a copy.
Result<Buffer> EncodeJpeg(const ImageView& image, int quality);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_JPEG_CODEC_H_
