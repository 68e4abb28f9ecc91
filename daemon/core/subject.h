// SPDX-License-Identifier: Apache-2.0
//
// What may be a NATS subject.
//
// A pure function, safe from any thread.

#ifndef DARKROOM_CORE_SUBJECT_H_
#define DARKROOM_CORE_SUBJECT_H_

#include <string>

namespace darkroom {

// Whether one may subscribe to it: tokens without spaces, '*' alone in its token, '>' only as the
// last.
bool IsSubject(const std::string& text);

}  // namespace darkroom

#endif  // DARKROOM_CORE_SUBJECT_H_
