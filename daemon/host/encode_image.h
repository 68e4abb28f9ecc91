// SPDX-License-Identifier: Apache-2.0
//
// From a plugin's pixels to the image file that the requester asked for.
//
// Pure function; any thread. It runs on lanes.

#ifndef DARKROOM_HOST_ENCODE_IMAGE_H_
#define DARKROOM_HOST_ENCODE_IMAGE_H_

#include "core/buffer.h"
#include "core/status.h"
#include "host/host_api.h"
#include "host/image.h"

namespace darkroom::host {

struct EncodedImage {
  ImageFormat format = ImageFormat::kPng;
  Buffer bytes;
};

// The pixels in the form asked for; the natural one is PNG. The view's colour profile goes along
// where it fits. JPEG has no alpha: images that have it are laid over white. A side too long for
// the format is too_large.
Result<EncodedImage> EncodeImage(const ImageView& image, const OutputForm& form);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_ENCODE_IMAGE_H_
