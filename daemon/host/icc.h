// SPDX-License-Identifier: Apache-2.0
//
// Colour profiles travel from the input's file to the output's, unread but for their kind: a grey
// profile on RGB pixels, or a CMYK profile on pixels that have become RGB, would be worse than
// none.
//
// Pure function; any thread.

#ifndef DARKROOM_HOST_ICC_H_
#define DARKROOM_HOST_ICC_H_

#include <cstddef>
#include <cstdint>

#include "core/buffer.h"

namespace darkroom::host {

// Real profiles have 0.5 to 600 KB, those with large tables 2 MB. Larger ones are not carried on.
inline constexpr size_t kMaxIccBytes = size_t{4} << 20;

// Whether `icc` looks like an ICC profile for pixels of `channels` channels.
bool IccFits(Bytes icc, uint32_t channels);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_ICC_H_
