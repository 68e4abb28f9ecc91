// SPDX-License-Identifier: Apache-2.0
//
// Pictures on a terminal: which terminals can show one among the text, and what is to be written
// for that. Two ways are known: kitty's graphics protocol (kitty, Ghostty), which takes PNG, and
// iTerm2's inline images (iTerm2, WezTerm, mintty, Konsole), which takes whatever the terminal can
// decode. Sixels are not written: a picture would have to be decoded here.
//
// Pure, save DetectPictures, which reads the environment. One thread.

#ifndef DARKROOM_CLI_INLINE_IMAGE_H_
#define DARKROOM_CLI_INLINE_IMAGE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "cli/terminal.h"
#include "core/status.h"

namespace darkroom {

enum class PictureProtocol { kKitty, kITerm };

// Looks up an environment variable; empty: it is not set.
using Environment = std::function<std::string(const char*)>;

// How the terminal on standard output shows pictures; an error says why it does not.
Result<PictureProtocol> DetectPictures(const Terminal& terminal, const Environment& environment);
Result<PictureProtocol> DetectPictures(const Terminal& terminal);

// What to write to show an encoded picture, with a line's end. `columns`: of the terminal, which a
// wider picture is made to fit. An error: of this type it shows none.
Result<std::string> InlinePicture(PictureProtocol protocol, std::string_view type,
                                  std::string_view bytes, size_t columns);

}  // namespace darkroom

#endif  // DARKROOM_CLI_INLINE_IMAGE_H_
