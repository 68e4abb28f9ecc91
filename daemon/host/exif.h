// SPDX-License-Identifier: Apache-2.0
//
// Finds the one thing in EXIF that changes pixels: the orientation. Everything else in there is
// private to whoever took the photograph and is neither read nor passed on.
//
// Pure function; any thread.

#ifndef DARKROOM_HOST_EXIF_H_
#define DARKROOM_HOST_EXIF_H_

#include "core/buffer.h"

namespace darkroom::host {

// The orientation, 1 to 8, of an EXIF block: a TIFF structure, with or without "Exif\0\0" before
// it. 1, upright, where the block has none or is damaged: a photograph is not refused for its
// notes.
int ExifOrientation(Bytes exif);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_EXIF_H_
