// SPDX-License-Identifier: Apache-2.0
//
// A plugin whose extensions are not as its manifest says; BAD_EXTENSION chooses what is wrong.

#include <darkroom/plugin.h>

#include <string_view>

namespace {

enum Kind { kNoSteps, kEmptyStep, kNoStates, kEmptyRestore };

dr_status Create(const dr_host_t*, const char*, dr_instance_t**) { return DR_UNIMPLEMENTED; }
dr_status Load(dr_instance_t*, const dr_lane_t*) { return DR_UNIMPLEMENTED; }
dr_status Infer(dr_instance_t*, const dr_batch_t*) { return DR_UNIMPLEMENTED; }
void Unload(dr_instance_t*) {}
void Destroy(dr_instance_t*) {}
void Shutdown() {}

dr_status Begin(dr_instance_t*, const dr_job_t*, dr_run_t**) { return DR_UNIMPLEMENTED; }
dr_status Step(dr_instance_t*, dr_run_t* const*, uint32_t, uint32_t*) { return DR_UNIMPLEMENTED; }
dr_status Finish(dr_instance_t*, dr_run_t*) { return DR_UNIMPLEMENTED; }
void End(dr_instance_t*, dr_run_t*) {}
dr_status Save(dr_instance_t*, dr_run_t*, dr_status (*)(void*, const void*, uint64_t), void*) {
  return DR_UNIMPLEMENTED;
}

const dr_stepwise_t kSteps = {
    sizeof(dr_stepwise_t), 0, Begin, BAD_EXTENSION == kEmptyStep ? nullptr : Step, Finish, End};
// The other kind of wrong has no states at all.
const dr_checkpoint_t kStates = {sizeof(dr_checkpoint_t), 0, Save, nullptr};

const void* Extension(const char* id) {
  if (std::string_view(id) == DR_STEPWISE_1) return BAD_EXTENSION == kNoSteps ? nullptr : &kSteps;
  return BAD_EXTENSION == kEmptyRestore ? &kStates : nullptr;
}

const dr_plugin_t kPlugin = {
    sizeof(dr_plugin_t),
    DR_ABI_MAJOR,
    DR_ABI_MINOR,
    0,
    Create,
    Load,
    Infer,
    nullptr,
    Unload,
    Destroy,
    Shutdown,
    Extension,
};

}  // namespace

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) { return &kPlugin; }
