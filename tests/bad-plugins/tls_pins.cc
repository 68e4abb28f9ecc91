// SPDX-License-Identifier: Apache-2.0
//
// Has a thread-local with a destructor, which holds the file in memory until the threads have
// ended that have touched it: the lane, by any job, and the control thread, by the entry.

#include "bad_plugin.h"

namespace {

class Scratch {
 public:
  Scratch() : bytes_(16, 'x') {}
  ~Scratch() { bytes_.clear(); }
  void Touch() { bytes_.push_back('x'); }

 private:
  std::string bytes_;
};

thread_local Scratch scratch;

dr_status Touch(const dr_host_t* host, const dr_job_t* job) {
  scratch.Touch();
  return bad::Echo(host, job);
}

}  // namespace

BAD_TABLE(.bad = Touch, .always = true)

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) {
  scratch.Touch();
  return kTable;
}
