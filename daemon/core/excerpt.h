// SPDX-License-Identifier: Apache-2.0
//
// Excerpts of what strangers wrote, for messages: an error must quote what it is about, and must
// not grow with it.
//
// A pure function, safe from any thread.

#ifndef DARKROOM_CORE_EXCERPT_H_
#define DARKROOM_CORE_EXCERPT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace darkroom {

// The text if it is short, else its beginning, cut between UTF-8 characters, and "...".
std::string Excerpt(std::string_view text, size_t longest = 80);

}  // namespace darkroom

#endif  // DARKROOM_CORE_EXCERPT_H_
