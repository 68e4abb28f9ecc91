// SPDX-License-Identifier: Apache-2.0
//
// Nkeys: how the keys of NATS users are written. A seed, "SU...", is the secret; its public key,
// "U...", is what the server knows the user by, and what a connection must say beside its
// signature.
//
// Both are bytes in base 32, without padding:
//
//   seed    2 bytes: 5 bits that say seed, 8 bits of the kind, 3 bits 0
//           32 bytes: the Ed25519 seed
//           2 bytes: CRC-16 (XMODEM) of all before, low byte first
//   public  1 byte: the kind; 32 bytes: the key; 2 bytes: CRC-16 likewise
//
// A pure function, safe from any thread.

#ifndef DARKROOM_MESSAGE_NKEY_H_
#define DARKROOM_MESSAGE_NKEY_H_

#include <string>
#include <string_view>

#include "core/status.h"

namespace darkroom {

// The public key of the seed that a file's text has in a line of its own, with or without lines
// around it that say what it is.
Result<std::string> PublicNkey(std::string_view text);

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_NKEY_H_
