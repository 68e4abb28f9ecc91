// SPDX-License-Identifier: Apache-2.0
//
// Base64 with the standard alphabet and padding (RFC 4648, section 4), for payloads inside JSON.
//
// Our own code, since OpenSSL's EVP_DecodeBlock skips white space, ignores stray bits behind the
// padding and does not tell how many of the bytes are real: three ways for two texts to mean the
// same bytes. Four table look-ups for three bytes also make it several times quicker, and payloads
// are megabytes.
//
// Free functions without state; any thread.

#ifndef DARKROOM_CORE_BASE64_H_
#define DARKROOM_CORE_BASE64_H_

#include <string>
#include <string_view>

#include "core/buffer.h"
#include "core/status.h"

namespace darkroom {

// Exact: padded, no white space or line ends, unused bits zero. The error says where the text goes
// wrong.
Result<Buffer> Base64Decode(std::string_view text);

// Appends the encoded bytes to `out`.
void Base64Append(Bytes bytes, std::string* out);

std::string Base64Encode(Bytes bytes);

}  // namespace darkroom

#endif  // DARKROOM_CORE_BASE64_H_
