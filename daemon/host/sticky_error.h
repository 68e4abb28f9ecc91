// SPDX-License-Identifier: Apache-2.0
//
// Whether the words of a failure are those of a CUDA error that stays: after it every call of the
// process on that device fails, whatever is asked. Plugins mostly hear of such an error as an
// exception of libtorch or of another library, whose number is lost on the way, while CUDA's own
// words are not.
//
// A pure function; any thread.

#ifndef DARKROOM_HOST_STICKY_ERROR_H_
#define DARKROOM_HOST_STICKY_ERROR_H_

#include <string_view>

namespace darkroom::host {

bool IsStickyCudaError(std::string_view words);

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_STICKY_ERROR_H_
