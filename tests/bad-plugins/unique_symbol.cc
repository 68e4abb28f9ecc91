// SPDX-License-Identifier: Apache-2.0
//
// Has a symbol that glibc binds for good (STB_GNU_UNIQUE): dlclose() leaves the file mapped. It is
// built without the flags of darkroom_add_plugin(), one of which is against this.

#include "bad_plugin.h"

// A static variable of an inline function, as many header-only libraries have them.
struct DR_EXPORT Counter {
  static int& Value() {
    static int value = 0;
    return value;
  }
};

namespace {

dr_status Bad(const dr_host_t* host, const dr_job_t* job) {
  ++Counter::Value();
  return bad::Echo(host, job);
}

}  // namespace

BAD_PLUGIN(.bad = Bad)
