// SPDX-License-Identifier: Apache-2.0
//
// A plugin's preview of a job (darkroom.preview/1): whether it is one, and the small JPEG that is
// told of it.
//
// Pure functions; any thread. They run on lanes, where a picture of the largest size takes a few
// milliseconds, a small part of the step that it shows.

#ifndef DARKROOM_HOST_PREVIEW_H_
#define DARKROOM_HOST_PREVIEW_H_

#include <darkroom/plugin.h>

#include "core/buffer.h"
#include "core/status.h"

namespace darkroom::host {

// Whether it is a picture as the ABI wants it; the words go behind "plugin misbehaved: NAME".
Status CheckPreview(const dr_tensor_t& picture);

// As JPEG, of one that is. Empty: it cannot be had within kMostPreviewBytes, or in this memory.
Buffer EncodePreview(const dr_tensor_t& picture);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_PREVIEW_H_
