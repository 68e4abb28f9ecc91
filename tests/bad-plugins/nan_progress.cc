// SPDX-License-Identifier: Apache-2.0
//
// Reports progress that is no number, or none between 0 and 1.

#include <limits>

#include "bad_plugin.h"

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  using Limits = std::numeric_limits<double>;
  for (const double fraction :
       {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), -1.0, Limits::max()}) {
    host->progress(host, job, fraction, "nowhere");
  }
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
