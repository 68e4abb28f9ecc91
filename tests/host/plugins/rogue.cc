// SPDX-License-Identifier: Apache-2.0
//
// A plugin that copies its input, and breaks one rule of the ABI on the way if it is asked to: by
// `rule` in a job's params for rules of jobs, by `rule` in the instance's config for the others.
// Written against the C header alone, since the C++ wrapper would not let it do most of this.

#include <darkroom/plugin.h>
#include <darkroom/sim.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

struct dr_instance {
  const dr_host_t* host;
  std::string rule;
  const dr_job_t* kept = nullptr;  // of an earlier batch
  uint32_t batches = 0;
};

namespace {

// The plugin's own, valid until shutdown has returned.
const dr_host_t* plugin_host = nullptr;

// The value of "rule" in a JSON text.
std::string RuleOf(const char* json) {
  const std::string_view text = json;
  const std::string_view key = "\"rule\":\"";
  const size_t at = text.find(key);
  if (at == std::string_view::npos) return "none";
  const size_t begin = at + key.size();
  return std::string(text.substr(begin, text.find('"', begin) - begin));
}

dr_status Fail(const dr_host_t* host, dr_status status, const char* words) {
  host->set_error(host, words);
  return status;
}

// A tensor of bytes to describe an output by.
struct Like {
  explicit Like(int64_t length, dr_dtype_t dtype = {DR_DTYPE_UINT, 8, 1}) : shape{length} {
    tensor.device = {DR_DEVICE_CPU, 0};
    tensor.ndim = 1;
    tensor.dtype = dtype;
    tensor.shape = shape;
    tensor.strides = strides;
  }
  int64_t shape[1];
  int64_t strides[1] = {1};
  dr_tensor_t tensor{};
};

dr_status CopyInput(const dr_host_t* host, const dr_job_t* job) {
  const dr_tensor_t& data = *job->inputs[0]->tensor;
  const Like like(data.shape[0]);
  dr_tensor_t out{};
  const dr_status status = host->output(host, job, "data", &like.tensor, &out);
  if (status == DR_OK && data.shape[0] > 0) {
    std::memcpy(out.data, data.data, static_cast<size_t>(data.shape[0]));
  }
  return status;
}

// Shows a grey preview of 8 x 8, but for what `change` makes of it.
template <typename Change>
dr_status Show(const dr_host_t* host, const dr_job_t* job, const Change& change) {
  const auto* const previews =
      static_cast<const dr_preview_t*>(host->extension(host, DR_PREVIEW_1));
  if (previews == nullptr || previews->size < sizeof(dr_preview_t)) return DR_UNIMPLEMENTED;
  uint8_t pixels[64] = {};
  int64_t shape[3] = {8, 8, 1};
  int64_t strides[3] = {8, 1, 1};
  dr_tensor_t picture = {pixels, {DR_DEVICE_CPU, 0}, 3, {DR_DTYPE_UINT, 8, 1}, shape, strides, 0};
  change(&picture);
  return previews->show(host, job, &picture);
}

// A tensor of the plugin's own, whose deleter says that it was called.
struct Owned {
  int64_t shape[1] = {3};
  int64_t strides[1] = {1};
  char bytes[6] = {'a', 'x', 'b', 'x', 'c', 'x'};
  dr_managed_tensor_t managed{};
};

dr_managed_tensor_t* MakeOwned(int64_t stride, int32_t device) {
  auto* owned = new Owned;
  owned->strides[0] = stride;
  owned->managed.version_major = 1;
  owned->managed.manager = owned;
  owned->managed.deleter = [](dr_managed_tensor_t* self) {
    plugin_host->log(plugin_host, DR_LOG_INFO, "deleted");
    delete static_cast<Owned*>(self->manager);
  };
  owned->managed.tensor = {owned->bytes, {device, 0},    1, {DR_DTYPE_UINT, 8, 1},
                           owned->shape, owned->strides, 0};
  return &owned->managed;
}

dr_status Adopt(const dr_host_t* host, const dr_job_t* job, int64_t stride, int32_t device) {
  return host->adopt(host, job, "data", MakeOwned(stride, device));
}

// Runs one job; true in `ended` if it has called finish, or means not to.
dr_status RunJob(dr_instance_t* self, const dr_batch_t* batch, uint32_t index, bool* ended) {
  const dr_host_t* host = self->host;
  const dr_job_t* job = batch->jobs[index];
  const std::string rule = RuleOf(job->params);
  dr_tensor_t out{};
  const Like three(3);

  if (rule == "finishes_twice") {
    const dr_status status = CopyInput(host, job);
    host->finish(host, job, status);
    host->finish(host, job, DR_INTERNAL);
    *ended = true;
  } else if (rule == "finishes_foreign_job") {
    const dr_job_t foreign{};
    host->finish(host, &foreign, DR_OK);
    return CopyInput(host, job);
  } else if (rule == "never_finishes") {
    *ended = true;
  } else if (rule == "leaves_open") {
    *ended = true;
    return CopyInput(host, job);
  } else if (rule == "leaves_open_failed") {
    *ended = true;
    return Fail(host, DR_RESOURCE_EXHAUSTED, "the device is full");
  } else if (rule == "fails_with_words") {
    return Fail(host, DR_INVALID_ARGUMENT, "the picture shows a wall");
  } else if (rule == "sticky_error") {
    return Fail(host, DR_INTERNAL, "CUDA error: unspecified launch failure");
  } else if (rule == "error_without_words") {
    return DR_RESOURCE_EXHAUSTED;
  } else if (rule == "unknown_status") {
    return 77;
  } else if (rule == "throws") {
    throw std::runtime_error("out of ideas");
  } else if (rule == "throws_number") {
    throw 7;
  } else if (rule == "output_twice") {
    const dr_status status = CopyInput(host, job);
    (void)host->output(host, job, "data", &three.tensor, &out);
    return status;
  } else if (rule == "output_unknown") {
    (void)host->output(host, job, "picture", &three.tensor, &out);
    return CopyInput(host, job);
  } else if (rule == "wrong_dtype") {
    const Like like(3, {DR_DTYPE_FLOAT, 32, 1});
    (void)host->output(host, job, "data", &like.tensor, &out);
    return DR_OK;
  } else if (rule == "negative_shape") {
    const Like like(-1);
    (void)host->output(host, job, "data", &like.tensor, &out);
    return DR_OK;
  } else if (rule == "huge_output") {
    const Like like(int64_t{1} << 40);
    return host->output(host, job, "data", &like.tensor, &out);
  } else if (rule == "wrong_lane_thread") {
    std::thread([&] { (void)host->output(host, job, "data", &three.tensor, &out); }).join();
    return CopyInput(host, job);
  } else if (rule == "output_null") {
    (void)host->output(host, job, "data", nullptr, &out);
    return CopyInput(host, job);
  } else if (rule == "preview") {
    const auto* const previews =
        static_cast<const dr_preview_t*>(host->extension(host, DR_PREVIEW_1));
    const int32_t wanted = previews->wanted(host, job);
    const dr_job_t foreign{};
    if (previews->wanted(host, &foreign) != 0) return Fail(host, DR_INTERNAL, "of nobody");
    const dr_status shown = Show(host, job, [](dr_tensor_t*) {});
    if (shown != DR_OK) return Fail(host, DR_INTERNAL, "not taken");
    host->log(host, DR_LOG_INFO, wanted != 0 ? "a preview was wanted" : "no preview was wanted");
    return CopyInput(host, job);
  } else if (rule == "preview_of_floats") {
    (void)Show(host, job, [](dr_tensor_t* picture) { picture->dtype = {DR_DTYPE_FLOAT, 32, 1}; });
    return CopyInput(host, job);
  } else if (rule == "preview_too_large") {
    (void)Show(host, job, [](dr_tensor_t* picture) { picture->shape[0] = 513; });
    return CopyInput(host, job);
  } else if (rule == "preview_null") {
    (void)static_cast<const dr_preview_t*>(host->extension(host, DR_PREVIEW_1))
        ->show(host, job, nullptr);
    return CopyInput(host, job);
  } else if (rule == "preview_on_thread") {
    std::thread([&] { (void)Show(host, job, [](dr_tensor_t*) {}); }).join();
    return CopyInput(host, job);
  } else if (rule == "preview_after_end") {
    const dr_status status = CopyInput(host, job);
    host->finish(host, job, status);
    (void)Show(host, job, [](dr_tensor_t*) {});
    *ended = true;
  } else if (rule == "keeps_job_pointer") {
    if (self->kept != nullptr) host->finish(host, self->kept, DR_OK);
    self->kept = job;
    return CopyInput(host, job);
  } else if (rule == "adopts") {
    return Adopt(host, job, 1, DR_DEVICE_CPU);
  } else if (rule == "adopts_strided") {
    return Adopt(host, job, 2, DR_DEVICE_CPU);
  } else if (rule == "adopts_cuda") {
    return Adopt(host, job, 1, DR_DEVICE_CUDA);
  } else if (rule == "adopts_then_fails") {
    (void)Adopt(host, job, 1, DR_DEVICE_CPU);
    return Fail(host, DR_INTERNAL, "changed its mind");
  } else if (rule == "waits_for_cancel") {
    host->progress(host, job, 0.25, "waiting");
    while (host->cancelled(host, job) == 0) std::this_thread::yield();
    return DR_CANCELLED;
  } else if (rule == "progress_odd") {
    host->progress(host, job, 7.0, nullptr);
    host->progress(host, job, 0.0 / 0.0, "x");
    return CopyInput(host, job);
  } else if (rule == "defines_metric_late") {
    uint32_t metric = 0;
    (void)host->metric_define(host, DR_METRIC_COUNTER, "late", "Too late.", &metric);
    return CopyInput(host, job);
  } else if (rule == "loses_instance") {
    return Fail(host, DR_INSTANCE_LOST, "the weights are gone");
  } else {
    return CopyInput(host, job);
  }
  return DR_OK;
}

dr_status Infer(dr_instance_t* self, const dr_batch_t* batch) {
  ++self->batches;
  // Gives the outputs of some, and then fails for all.
  for (uint32_t i = 0; i < batch->count; ++i) {
    if (RuleOf(batch->jobs[i]->params) == "spoils_batch") {
      return Fail(self->host, DR_RESOURCE_EXHAUSTED, "no memory for this one");
    }
    if (RuleOf(batch->jobs[i]->params) == "loses_batch") {
      return Fail(self->host, DR_DEVICE_LOST, "the device is gone");
    }
    if (batch->count > 1 && RuleOf(batch->jobs[0]->params) == "first_of_spoilt") {
      (void)CopyInput(self->host, batch->jobs[i]);
    }
  }
  dr_status last = DR_OK;
  for (uint32_t i = 0; i < batch->count; ++i) {
    bool ended = false;
    const dr_status status = RunJob(self, batch, i, &ended);
    if (ended) {
      last = status;
    } else {
      self->host->finish(self->host, batch->jobs[i], status);
    }
  }
  return last;
}

dr_status Create(const dr_host_t* host, const char* config, dr_instance_t** instance) {
  const std::string rule = RuleOf(config);
  if (rule == "create_fails") return Fail(host, DR_INVALID_ARGUMENT, "no such option");
  if (rule == "create_throws") throw std::runtime_error("broke in create");
  if (rule == "create_gives_nothing") return DR_OK;
  if (rule == "create_tells_device") {
    if (host->extension(host, "darkroom.sim/2") != nullptr) return DR_INTERNAL;
    const auto* sim = static_cast<const dr_sim_t*>(host->extension(host, DR_EXT_SIM));
    if (sim == nullptr) return Fail(host, DR_NOT_FOUND, "a real one");
    if (sim->size < sizeof(*sim)) return DR_INTERNAL;
    const std::string words =
        "sim:" + std::to_string(sim->index) + " at " + std::to_string(sim->speed);
    return Fail(host, DR_NOT_FOUND, words.c_str());
  }
  uint32_t metric = 0;
  if (host->metric_define(host, DR_METRIC_COUNTER, "instances_total", "Instances made.", &metric) ==
      DR_OK) {
    host->metric_add(host, metric, 1);
  }
  *instance = new dr_instance{host, rule};
  return DR_OK;
}

dr_status Load(dr_instance_t* self, const dr_lane_t* lane) {
  const dr_host_t* host = self->host;
  if (self->rule == "load_fails") return Fail(host, DR_NOT_FOUND, "no weights at /nowhere");
  if (self->rule == "output_outside_infer") {
    const Like three(3);
    const dr_job_t job{};
    dr_tensor_t out{};
    (void)host->output(host, &job, "data", &three.tensor, &out);
    host->finish(host, &job, DR_OK);
  }
  if (self->rule == "preview_outside_infer") {
    // The plugin's own host has none to show by, and its table does not serve there.
    if (plugin_host->extension(plugin_host, DR_PREVIEW_1) != nullptr) return DR_INTERNAL;
    const auto* const previews =
        static_cast<const dr_preview_t*>(host->extension(host, DR_PREVIEW_1));
    const dr_job_t job{};
    if (previews->wanted(plugin_host, &job) != 0) return DR_INTERNAL;
    if (previews->show(plugin_host, &job, nullptr) == DR_OK) return DR_INTERNAL;
    if (Show(host, &job, [](dr_tensor_t*) {}) == DR_OK) return DR_INTERNAL;
  }
  if (self->rule == "leaks") {
    dr_lease_t* lease = nullptr;
    void* data = nullptr;
    if (host->reserve(host, 1000, &lease) != DR_OK) return DR_RESOURCE_EXHAUSTED;
    if (host->alloc(host, lane->device, 24, &data) != DR_OK) return DR_RESOURCE_EXHAUSTED;
    if (reinterpret_cast<uintptr_t>(data) % 64 != 0) return Fail(host, DR_INTERNAL, "not aligned");
  }
  if (self->rule == "over_budget") {
    dr_lease_t* lease = nullptr;
    return host->reserve(host, lane->memory_budget + 1, &lease);
  }
  if (self->rule == "alloc_cuda") {
    void* data = nullptr;
    return host->alloc(host, {DR_DEVICE_CUDA, 0}, 24, &data);
  }
  if (self->rule == "reserve_on_thread") {
    dr_lease_t* lease = nullptr;
    std::thread([&] { (void)host->reserve(host, 1, &lease); }).join();
  }
  return DR_OK;
}

void Unload(dr_instance_t* self) { self->host->log(self->host, DR_LOG_INFO, "unloaded"); }

void Destroy(dr_instance_t* self) {
  self->host->log(self->host, DR_LOG_INFO, "destroyed");
  delete self;
}

void Shutdown() { plugin_host->log(plugin_host, DR_LOG_INFO, "shut down"); }

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

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t* host) {
  plugin_host = host;
  return &kPlugin;
}
