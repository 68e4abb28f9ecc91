// SPDX-License-Identifier: Apache-2.0
//
// The page /statusz: the daemon in one screen, for people. What runs where, what waits and for
// what, what went wrong last.
//
// Free functions for the io_context's thread; they only look.

#ifndef DARKROOM_CONTROL_STATUS_PAGE_H_
#define DARKROOM_CONTROL_STATUS_PAGE_H_

#include <string>

#include "control/control_service.h"
#include "control/http_server.h"
#include "control/job_metrics.h"
#include "control/nats_links.h"

namespace darkroom {

// Plain text. `started`: when the daemon was.
std::string StatusPage(const ControlView& view, const NatsLinks& links, const JobMetrics& metrics,
                       std::chrono::system_clock::time_point started);

// Whether the process does its work and there is hope that it will do it again: 200, else 503 with
// what is wrong. For whoever restarts it.
HttpPage HealthPage(const ControlView& view);

// Whether jobs that are sent now are served: 200, else 503 with what is missing. For whoever sends
// them here.
HttpPage ReadyPage(const ControlView& view, const Connection& connection);

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_STATUS_PAGE_H_
