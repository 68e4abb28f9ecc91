// SPDX-License-Identifier: Apache-2.0
//
// The page /metrics, in Prometheus' text format (version 0.0.4): what JobMetrics has counted, and
// what there is now of devices, models, queues, workers and the connection.
//
// A free function for the io_context's thread; it only looks.

#ifndef DARKROOM_CONTROL_METRICS_PAGE_H_
#define DARKROOM_CONTROL_METRICS_PAGE_H_

#include <string>

#include "control/control_service.h"
#include "control/job_metrics.h"
#include "control/nats_links.h"
#include "control/trace_exporter.h"

namespace darkroom {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

std::string MetricsPage(const ControlView& view, const NatsLinks& links, const JobMetrics& metrics,
                        const SpanCounts& spans);

}  // namespace darkroom

#endif  // DARKROOM_CONTROL_METRICS_PAGE_H_
