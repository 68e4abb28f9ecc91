// SPDX-License-Identifier: Apache-2.0
//
// Content types: what a file is, by its first bytes and its name, and which form of a reply a file
// name asks for.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_CONTENT_TYPE_H_
#define DARKROOM_CLI_CONTENT_TYPE_H_

#include <string>
#include <string_view>

#include "core/status.h"

namespace darkroom {

// What the bytes of one raw input are: an image type by its magic, "text/plain" for UTF-8 text,
// else "application/octet-stream". Never JSON or CBOR, whatever the name: those types would make
// the daemon read the bytes as a whole request.
std::string_view InputContentType(std::string_view bytes, std::string_view path);

// The Accept header for a file name such as "better.png", or "" where the extension says nothing:
// the model's natural form then.
std::string_view AcceptForPath(std::string_view path);

// The Accept header for --accept: a media range as it is, or a short word such as "png".
Result<std::string> AcceptForWord(std::string_view word);

// The media type alone: lower case, without parameters.
std::string MediaType(std::string_view content_type);

bool IsText(std::string_view media_type);  // may be shown on a terminal
bool IsJson(std::string_view media_type);

}  // namespace darkroom

#endif  // DARKROOM_CLI_CONTENT_TYPE_H_
