// SPDX-License-Identifier: Apache-2.0
//
// What a worker is told before anything else, as a text: how its host is to be, and to what it is
// to be confined.
//
// Pure functions, any thread.

#ifndef DARKROOM_WORKER_SET_UP_TEXT_H_
#define DARKROOM_WORKER_SET_UP_TEXT_H_

#include <string>
#include <string_view>

#include "core/status.h"
#include "host/host_api.h"
#include "worker/sandbox.h"

namespace darkroom {

// `host.log` stays behind.
std::string WriteSetUp(const host::HostOptions& host, const SandboxRules& sandbox);
Status ReadSetUp(std::string_view text, host::HostOptions* host, SandboxRules* sandbox);

}  // namespace darkroom

#endif  // DARKROOM_WORKER_SET_UP_TEXT_H_
