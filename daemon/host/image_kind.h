// SPDX-License-Identifier: Apache-2.0
//
// Recognises what kind of file bytes are by how they begin, so that a refusal can say "this is a
// GIF" and not "bad input".
//
// Pure function; any thread.

#ifndef DARKROOM_HOST_IMAGE_KIND_H_
#define DARKROOM_HOST_IMAGE_KIND_H_

#include <optional>
#include <string_view>

#include "core/buffer.h"
#include "host/image.h"

namespace darkroom::host {

struct ImageKind {
  std::string_view name;              // "GIF"; empty when nothing is recognised
  bool image = false;                 // an image of some kind, not text or a document
  std::optional<ImageFormat> format;  // set when darkroom reads it
};

ImageKind RecogniseKind(Bytes bytes);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_IMAGE_KIND_H_
