// SPDX-License-Identifier: Apache-2.0
//
// Media types as headers write them: "image/png; q=0.5" (RFC 9110, 8.3.1). Pure functions.

#ifndef DARKROOM_MESSAGE_MEDIA_TYPE_H_
#define DARKROOM_MESSAGE_MEDIA_TYPE_H_

#include <string>
#include <string_view>

namespace darkroom {

// Type and subtype in lower case, without parameters; "" if there is none.
std::string MediaTypeOf(std::string_view value);

// The value of one parameter, without quotes; "" when it is absent.
std::string MediaTypeParameter(std::string_view value, std::string_view name);

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_MEDIA_TYPE_H_
