// SPDX-License-Identifier: Apache-2.0
//
// A plugin whose entry gives something else than a sound table; BAD_TABLE chooses what.

#include <darkroom/plugin.h>

#include <stdexcept>

namespace {

enum Kind { kNull, kWrongMajor, kTooShort, kNoInfer, kThrows };

dr_status Create(const dr_host_t*, const char*, dr_instance_t**) { return DR_UNIMPLEMENTED; }
dr_status Load(dr_instance_t*, const dr_lane_t*) { return DR_UNIMPLEMENTED; }
dr_status Infer(dr_instance_t*, const dr_batch_t*) { return DR_UNIMPLEMENTED; }
void Unload(dr_instance_t*) {}
void Destroy(dr_instance_t*) {}
void Shutdown() {}

const dr_plugin_t kPlugin = {
    BAD_TABLE == kTooShort ? 24 : sizeof(dr_plugin_t),
    BAD_TABLE == kWrongMajor ? DR_ABI_MAJOR + 1 : DR_ABI_MAJOR,
    DR_ABI_MINOR,
    0,
    Create,
    Load,
    BAD_TABLE == kNoInfer ? nullptr : Infer,
    nullptr,
    Unload,
    Destroy,
    Shutdown,
    nullptr,
};

}  // namespace

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t* host) {
  if (BAD_TABLE == kThrows) throw std::runtime_error("broke in entry");
  if (BAD_TABLE != kNull) return &kPlugin;
  host->set_error(host, "no licence");
  return nullptr;
}
