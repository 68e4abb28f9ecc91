// SPDX-License-Identifier: Apache-2.0
//
// Shows more than its entry: functions and a variable that others may bind to, whose file then
// stays in memory. It is built without the version script of darkroom_add_plugin().

#include "bad_plugin.h"

extern "C" {
DR_EXPORT int BadHelper(int value);
DR_EXPORT extern int bad_counter;
}

int bad_counter = 0;

int BadHelper(int value) { return bad_counter += value; }

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  (void)BadHelper(1);
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
