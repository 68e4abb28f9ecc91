// SPDX-License-Identifier: Apache-2.0
//
// A plugin that gives each of its inputs back under the same name, so that what the host decodes
// and encodes can be seen from outside. With the text "wait" it does so once it is cancelled.

#include <darkroom/plugin.h>

#include <cstring>
#include <string_view>
#include <thread>

struct dr_instance {
  const dr_host_t* host;
};

namespace {

size_t BytesOf(const dr_tensor_t& tensor) {
  size_t bytes = tensor.dtype.bits / 8U;
  for (int32_t i = 0; i < tensor.ndim; ++i) bytes *= static_cast<size_t>(tensor.shape[i]);
  return bytes;
}

dr_status RunJob(const dr_host_t* host, const dr_job_t* job) {
  for (uint32_t i = 0; i < job->input_count; ++i) {
    const dr_input_t& input = *job->inputs[i];
    const bool waits = input.name == std::string_view("text") && BytesOf(*input.tensor) == 4 &&
                       std::memcmp(input.tensor->data, "wait", 4) == 0;
    if (waits) host->progress(host, job, 0, "waiting");
    while (waits && host->cancelled(host, job) == 0) std::this_thread::yield();
    dr_tensor_t out{};
    const dr_status status = host->output(host, job, input.name, input.tensor, &out);
    if (status != DR_OK) return status;
    std::memcpy(out.data, input.tensor->data, BytesOf(*input.tensor));
  }
  return DR_OK;
}

dr_status Create(const dr_host_t* host, const char*, dr_instance_t** instance) {
  *instance = new dr_instance{host};
  return DR_OK;
}
dr_status Load(dr_instance_t*, const dr_lane_t*) { return DR_OK; }
dr_status Infer(dr_instance_t* self, const dr_batch_t* batch) {
  for (uint32_t i = 0; i < batch->count; ++i) {
    self->host->finish(self->host, batch->jobs[i], RunJob(self->host, batch->jobs[i]));
  }
  return DR_OK;
}
void Unload(dr_instance_t*) {}
void Destroy(dr_instance_t* self) { delete self; }
void Shutdown() {}

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
    nullptr,
};

}  // namespace

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) { return &kPlugin; }
