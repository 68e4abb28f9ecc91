// SPDX-License-Identifier: Apache-2.0
//
// Copies its input in thirty steps, and is bad at writing down where it is, as the input says:
//
//   bad fails     does not save, with words
//   bad throws    throws out of save
//   bad endless   saves without end
//   bad crashes   aborts when it is to save
//
// These take their time, so that whoever watches can have them go on:
//
//   bad garbage   saves bytes that it does not know again
//   bad restores  saves well, and fails when it is to go on from that
//   bad resumes   saves well, and aborts when it is to go on from that

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "bad_plugin.h"

struct dr_run {
  const dr_job_t* job;
  std::string how;
  uint32_t left = 30;

  bool IsSlow() const { return how == "garbage" || how == "restores" || how == "resumes"; }
};

namespace {

using Write = dr_status(void* context, const void* data, uint64_t bytes);

constexpr std::string_view kState = "good";

dr_status Begin(dr_instance_t*, const dr_job_t* job, dr_run_t** run) {
  *run = new dr_run{job, bad::ArgumentOf(job)};
  return DR_OK;
}

dr_status Step(dr_instance_t*, dr_run_t* const* runs, uint32_t count, uint32_t* left) {
  std::this_thread::sleep_for(std::chrono::milliseconds(runs[0]->IsSlow() ? 50 : 10));
  for (uint32_t i = 0; i < count; ++i) left[i] = --runs[i]->left;
  return DR_OK;
}

dr_status Finish(dr_instance_t* self, dr_run_t* run) { return bad::Echo(self->host, run->job); }

void End(dr_instance_t*, dr_run_t* run) { delete run; }

dr_status Save(dr_instance_t* self, dr_run_t* run, Write* write, void* context) {
  if (run->how == "crashes") std::abort();
  if (run->how == "throws") throw std::runtime_error("broke in save");
  if (run->how == "fails") {
    self->host->set_error(self->host, "no pen");
    return DR_INTERNAL;
  }
  if (run->how == "endless") {
    const std::string piece(1 << 20, 'x');
    dr_status status = DR_OK;
    while (status == DR_OK) status = write(context, piece.data(), piece.size());
    return status;
  }
  const std::string_view state = run->how == "garbage" ? "garbage" : kState;
  const dr_status status = write(context, state.data(), 1);
  return status == DR_OK ? write(context, state.data() + 1, state.size() - 1) : status;
}

dr_status Restore(dr_instance_t* self, const dr_job_t* job, const void* state, uint64_t bytes,
                  dr_run_t** run) {
  if (std::string_view(static_cast<const char*>(state), bytes) != kState) {
    self->host->set_error(self->host, "cannot read that");
    return DR_FAILED_PRECONDITION;
  }
  const std::string how = bad::ArgumentOf(job);
  if (how == "resumes") std::abort();
  if (how == "restores") {
    self->host->set_error(self->host, "no glasses");
    return DR_INTERNAL;
  }
  return Begin(self, job, run);
}

constexpr dr_stepwise_t kSteps = {sizeof(dr_stepwise_t), 0, Begin, Step, Finish, End};
constexpr dr_checkpoint_t kStates = {sizeof(dr_checkpoint_t), 0, Save, Restore};

const void* Extension(const char* id) {
  if (std::string_view(id) == DR_STEPWISE_1) return &kSteps;
  return std::string_view(id) == DR_CHECKPOINT_1 ? &kStates : nullptr;
}

constexpr bad::Member kMember = {};
constexpr dr_plugin_t MakeTable() {
  dr_plugin_t table = bad::Table<kMember>::kPlugin;
  table.extension = Extension;
  return table;
}
constexpr dr_plugin_t kTable = MakeTable();

}  // namespace

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) { return &kTable; }
