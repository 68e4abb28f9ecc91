// SPDX-License-Identifier: Apache-2.0
//
// Whether a file's code or data is mapped into this process, by /proc/self/maps: dlclose() says
// yes also when it leaves a library where it was.
//
// A pure question, safe from any thread.

#ifndef DARKROOM_CORE_MAPPED_FILE_H_
#define DARKROOM_CORE_MAPPED_FILE_H_

#include <string>

namespace darkroom {

// `path` is absolute and real, without symbolic links.
bool IsMapped(const std::string& path);

}  // namespace darkroom

#endif  // DARKROOM_CORE_MAPPED_FILE_H_
