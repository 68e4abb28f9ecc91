// SPDX-License-Identifier: Apache-2.0

#include "tests/plugins/enhance/mini_host.h"

#include <dlfcn.h>

#include <stdexcept>

namespace darkroom {

MiniHost::MiniHost(const std::string& plugin) {
  host_.size = sizeof(host_);
  host_.abi_major = DR_ABI_MAJOR;
  host_.abi_minor = DR_ABI_MINOR;
  host_.context = this;
  host_.version = "mini host";
  host_.extension = [](const dr_host_t*, const char*) -> const void* { return nullptr; };
  host_.log = [](const dr_host_t*, dr_log_level, const char*) {};
  host_.set_error = [](const dr_host_t* host, const char* words) { Of(host).error_ = words; };
  host_.cancelled = [](const dr_host_t* host, const dr_job_t*) -> int32_t {
    const MiniHost& self = Of(host);
    return self.cancel_after_ >= 0 &&
           static_cast<int64_t>(self.progress_.size()) > self.cancel_after_;
  };
  host_.progress = [](const dr_host_t* host, const dr_job_t*, double fraction, const char*) {
    Of(host).progress_.push_back(fraction);
  };
  host_.output = [](const dr_host_t* host, const dr_job_t*, const char*, const dr_tensor_t* like,
                    dr_tensor_t* out) -> dr_status {
    MiniHost& self = Of(host);
    self.output_.shape.assign(like->shape, like->shape + like->ndim);
    self.output_strides_.assign(self.output_.shape.size(), 1);
    size_t bytes = 1;
    for (size_t i = self.output_.shape.size(); i-- > 0;) {
      self.output_strides_[i] = static_cast<int64_t>(bytes);
      bytes *= static_cast<size_t>(self.output_.shape[i]);
    }
    self.output_.bytes.assign(bytes, 0);
    *out = *like;
    out->data = self.output_.bytes.data();
    out->shape = self.output_.shape.data();
    out->strides = self.output_strides_.data();
    out->byte_offset = 0;
    return DR_OK;
  };
  host_.finish = [](const dr_host_t* host, const dr_job_t*, dr_status status) {
    Of(host).finished_ = true;
    Of(host).finish_status_ = status;
  };

  void* file = ::dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) throw std::runtime_error(::dlerror());
  using Entry = const dr_plugin_t*(const dr_host_t*);
  auto* entry = reinterpret_cast<Entry*>(::dlsym(file, DR_ENTRY_SYMBOL));
  if (entry == nullptr) throw std::runtime_error(::dlerror());
  plugin_ = entry(&host_);
  if (plugin_ == nullptr) throw std::runtime_error(error_);
}

MiniHost::~MiniHost() {
  Unload();
  Destroy();
  plugin_->shutdown();
}

dr_status MiniHost::Create(const std::string& config) {
  return plugin_->create(&host_, config.c_str(), &instance_);
}

dr_status MiniHost::Load() {
  dr_lane_t lane{};
  lane.size = sizeof(lane);
  lane.max_batch = 1;
  lane.device = {DR_DEVICE_CPU, 0};
  loaded_ = true;  // unload is called after a load that failed, too
  return plugin_->load(instance_, &lane);
}

dr_status MiniHost::Run(const Picture& input, const std::string& params) {
  error_.clear();
  progress_.clear();
  finished_ = false;
  std::vector<int64_t> shape = input.shape;
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  dr_tensor_t tensor{};
  tensor.data = const_cast<uint8_t*>(input.bytes.data());
  tensor.device = {DR_DEVICE_CPU, 0};
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.dtype = {DR_DTYPE_UINT, 8, 1};
  tensor.shape = shape.data();
  tensor.strides = strides.data();
  const dr_input_t image = {sizeof(dr_input_t), 0, "image", &tensor};
  const dr_input_t* const inputs[] = {&image};
  const dr_job_t job = {sizeof(dr_job_t), 1, inputs, "job", params.c_str(), 0};
  const dr_job_t* const jobs[] = {&job};
  const dr_batch_t batch = {sizeof(dr_batch_t), 1, jobs};
  const dr_status status = plugin_->infer(instance_, &batch);
  return finished_ ? finish_status_ : status;
}

void MiniHost::Unload() {
  if (loaded_) plugin_->unload(instance_);
  loaded_ = false;
}

void MiniHost::Destroy() {
  if (instance_ != nullptr) plugin_->destroy(instance_);
  instance_ = nullptr;
}

}  // namespace darkroom
