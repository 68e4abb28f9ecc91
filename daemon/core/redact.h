// SPDX-License-Identifier: Apache-2.0
//
// Server URLs as they may be shown, in logs and in answers: without what proves who we are.
//
// A pure function, safe from any thread.

#ifndef DARKROOM_CORE_REDACT_H_
#define DARKROOM_CORE_REDACT_H_

#include <string>
#include <string_view>

namespace darkroom {

// "nats://user:secret@host:4222" becomes "nats://***@host:4222"; a URL without user information
// stays as it is.
std::string WithoutSecrets(std::string_view url);

}  // namespace darkroom

#endif  // DARKROOM_CORE_REDACT_H_
