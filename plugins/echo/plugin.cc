// SPDX-License-Identifier: Apache-2.0
//
// echo answers with the bytes it was given. It shows the least that a plugin needs, on the bare C
// ABI, and is what the benchmarks measure the daemon by: next to nothing of a request's time is its
// own.

#include <darkroom/plugin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

// One instance: all it needs is the host that it was created by.
struct dr_instance {
  const dr_host_t* host;
};

namespace {

dr_status Create(const dr_host_t* host, const char*, dr_instance_t** instance) {
  *instance = new dr_instance{host};
  return DR_OK;
}

dr_status Load(dr_instance_t*, const dr_lane_t*) { return DR_OK; }

dr_status Echo(const dr_host_t* host, const dr_job_t* job) {
  int64_t size = 0;
  int64_t stride = 1;
  const void* bytes = nullptr;
  if (job->input_count == 1) {
    const dr_tensor_t& input = *job->inputs[0]->tensor;
    size = input.shape[0];
    bytes = static_cast<const std::byte*>(input.data) + input.byte_offset;
  }
  dr_tensor_t like{};
  like.device = {DR_DEVICE_CPU, 0};
  like.ndim = 1;
  like.dtype = {DR_DTYPE_UINT, 8, 1};
  like.shape = &size;
  like.strides = &stride;
  dr_tensor_t out{};
  const dr_status status = host->output(host, job, "data", &like, &out);
  if (status == DR_OK && size > 0) {
    std::memcpy(static_cast<std::byte*>(out.data) + out.byte_offset, bytes,
                static_cast<size_t>(size));
  }
  return status;
}

dr_status Infer(dr_instance_t* instance, const dr_batch_t* batch) {
  const dr_host_t* host = instance->host;
  for (uint32_t i = 0; i < batch->count; ++i) {
    host->finish(host, batch->jobs[i], Echo(host, batch->jobs[i]));
  }
  return DR_OK;
}

void Unload(dr_instance_t*) {}

void Destroy(dr_instance_t* instance) { delete instance; }

void Shutdown() {}

constexpr dr_plugin_t kPlugin = {
    .size = sizeof(dr_plugin_t),
    .abi_major = DR_ABI_MAJOR,
    .abi_minor = DR_ABI_MINOR,
    .flags = 0,
    .create = Create,
    .load = Load,
    .infer = Infer,
    .cancel = nullptr,
    .unload = Unload,
    .destroy = Destroy,
    .shutdown = Shutdown,
    .extension = nullptr,
};

}  // namespace

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) { return &kPlugin; }
