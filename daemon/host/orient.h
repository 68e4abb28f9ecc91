// SPDX-License-Identifier: Apache-2.0
//
// Turns an image upright. A camera stores the rows as its sensor gave them and says in EXIF how it
// was held; a plugin must see what a person would see.
//
// Pure function; any thread.

#ifndef DARKROOM_HOST_ORIENT_H_
#define DARKROOM_HOST_ORIENT_H_

#include "host/image.h"

namespace darkroom::host {

// The image as it is to be looked at. `orientation` is EXIF's:
//
//   1 as stored    2 mirrored left to right    3 turned by 180 degrees    4 mirrored top to bottom
//   5 rows are columns    6 to be turned right    7 rows are columns, both backwards    8 to be
//   turned left
//
// 2 to 4 happen in place; 5 to 8 swap the sides and need a second image for a moment. Other numbers
// change nothing.
Image ApplyOrientation(Image image, int orientation);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_ORIENT_H_
