// SPDX-License-Identifier: Apache-2.0
//
// FakeHost is a dr_host_t that writes down what a plugin asks of it, for tests of what lies on the
// plugin's side of the ABI. It owns the outputs. One thread at a time.

#ifndef DARKROOM_TESTS_ABI_FAKE_HOST_H_
#define DARKROOM_TESTS_ABI_FAKE_HOST_H_

#include <darkroom/plugin.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace darkroom {

class FakeHost {
 public:
  FakeHost() {
    abi_.size = sizeof(abi_);
    abi_.abi_major = DR_ABI_MAJOR;
    abi_.abi_minor = DR_ABI_MINOR;
    abi_.context = this;
    abi_.version = "test 1.0";
    abi_.extension = [](const dr_host_t* host, const char* id) -> const void* {
      const bool shown = Of(host)->shows_previews && std::string_view(id) == DR_PREVIEW_1;
      return shown ? Previews() : nullptr;
    };
    abi_.log = [](const dr_host_t* host, dr_log_level, const char* message) {
      Of(host)->logged.emplace_back(message);
    };
    abi_.set_error = [](const dr_host_t* host, const char* message) { Of(host)->words = message; };
    abi_.metric_define = [](const dr_host_t* host, dr_metric_kind, const char* name, const char*,
                            uint32_t* metric) -> dr_status {
      *metric = static_cast<uint32_t>(Of(host)->metrics.size());
      Of(host)->metrics.emplace_back(name, 0.0);
      return DR_OK;
    };
    abi_.metric_add = [](const dr_host_t* host, uint32_t metric, double value) {
      Of(host)->metrics.at(metric).second += value;
    };
    abi_.reserve = [](const dr_host_t* host, uint64_t bytes, dr_lease_t** lease) -> dr_status {
      return Of(host)->Reserve(bytes, lease);
    };
    abi_.release = [](const dr_host_t* host, dr_lease_t*) { --Of(host)->leases; };
    abi_.cancelled = [](const dr_host_t* host, const dr_job_t*) -> int32_t {
      return Of(host)->cancelled ? 1 : 0;
    };
    abi_.progress = [](const dr_host_t* host, const dr_job_t*, double fraction, const char* stage) {
      Of(host)->progress.emplace_back(fraction, stage == nullptr ? "" : stage);
    };
    abi_.output = [](const dr_host_t* host, const dr_job_t*, const char* name,
                     const dr_tensor_t* like,
                     dr_tensor_t* out) -> dr_status { return Of(host)->Output(name, *like, out); };
    abi_.adopt = [](const dr_host_t* host, const dr_job_t*, const char*,
                    dr_managed_tensor_t* tensor) -> dr_status {
      Of(host)->adopted.push_back(tensor);
      return DR_OK;
    };
    abi_.finish = [](const dr_host_t* host, const dr_job_t* job, dr_status status) {
      FakeHost* self = Of(host);
      self->finished.push_back({job->id, status, std::exchange(self->words, {})});
    };
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  struct Preview {
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;
    std::vector<uint8_t> pixels;
  };
  struct Finished {
    std::string id;
    dr_status status;
    std::string words;
    bool operator==(const Finished&) const = default;
  };

  const dr_host_t* abi() const { return &abi_; }
  void set_abi_major(uint32_t major) { abi_.abi_major = major; }

  std::string words;  // the last of set_error
  std::vector<std::string> logged;
  std::vector<std::pair<std::string, double>> metrics;
  std::vector<std::pair<double, std::string>> progress;
  std::map<std::string, std::vector<std::byte>> outputs;
  std::vector<dr_managed_tensor_t*> adopted;
  std::vector<Finished> finished;
  uint64_t room = 1000;  // what reserve() grants at most
  int leases = 0;
  bool cancelled = false;
  bool shows_previews = false;  // has the extension
  bool wants_preview = false;
  std::vector<Preview> previews;

 private:
  static FakeHost* Of(const dr_host_t* host) { return static_cast<FakeHost*>(host->context); }

  static const dr_preview_t* Previews() {
    static constexpr dr_preview_t kTable = {
        sizeof(dr_preview_t), 0,
        [](const dr_host_t* host, const dr_job_t*) -> int32_t {
          return Of(host)->wants_preview ? 1 : 0;
        },
        [](const dr_host_t* host, const dr_job_t*, const dr_tensor_t* picture) -> dr_status {
          return Of(host)->Show(*picture);
        }};
    return &kTable;
  }

  dr_status Show(const dr_tensor_t& picture) {
    if (!wants_preview) {
      words = "the host is busy";
      return DR_INTERNAL;
    }
    const auto* const pixels = static_cast<const uint8_t*>(picture.data);
    const int64_t* const shape = picture.shape;
    previews.push_back({{shape, shape + picture.ndim},
                        {picture.strides, picture.strides + picture.ndim},
                        {pixels, pixels + shape[0] * shape[1] * shape[2]}});
    return DR_OK;
  }

  dr_status Reserve(uint64_t bytes, dr_lease_t** lease) {
    if (bytes > room) {
      words = "the host has no room";
      return DR_RESOURCE_EXHAUSTED;
    }
    ++leases;
    *lease = reinterpret_cast<dr_lease_t*>(this);
    return DR_OK;
  }

  dr_status Output(const std::string& name, const dr_tensor_t& like, dr_tensor_t* out) {
    size_t bytes = like.dtype.bits / 8U;
    for (int32_t i = 0; i < like.ndim; ++i) bytes *= static_cast<size_t>(like.shape[i]);
    if (bytes > room) {
      words = "the host has no room";
      return DR_RESOURCE_EXHAUSTED;
    }
    std::vector<std::byte>& memory = outputs[name];
    memory.resize(bytes + 8);
    // Not at the beginning of its memory, so that whoever forgets the offset is found out.
    *out = like;
    out->data = memory.data();
    out->byte_offset = 8;
    return DR_OK;
  }

  dr_host_t abi_{};
};

// A dr_job_t with what it points to. Its address must not change while a plugin has it.
class FakeJob {
 public:
  explicit FakeJob(std::string id, std::string params = "{}")
      : id_(std::move(id)), params_(std::move(params)) {
    abi_.size = sizeof(abi_);
    abi_.id = id_.c_str();
    abi_.params = params_.c_str();
  }
  FakeJob(const FakeJob&) = delete;
  FakeJob& operator=(const FakeJob&) = delete;

  // One input of bytes, behind `offset` others.
  void Give(std::string name, std::string bytes, uint64_t offset = 0) {
    name_ = std::move(name);
    bytes_ = std::move(bytes);
    shape_ = static_cast<int64_t>(bytes_.size() - offset);
    tensor_ = {bytes_.data(), {DR_DEVICE_CPU, 0}, 1,     {DR_DTYPE_UINT, 8, 1},
               &shape_,       &stride_,           offset};
    input_ = {sizeof(input_), 0, name_.c_str(), &tensor_};
    abi_.input_count = 1;
    abi_.inputs = &inputs_;
  }

  const dr_job_t* abi() const { return &abi_; }

 private:
  std::string id_;
  std::string params_;
  std::string name_;
  std::string bytes_;
  int64_t shape_ = 0;
  int64_t stride_ = 1;
  dr_tensor_t tensor_{};
  dr_input_t input_{};
  const dr_input_t* inputs_ = &input_;
  dr_job_t abi_{};
};

}  // namespace darkroom

#endif  // DARKROOM_TESTS_ABI_FAKE_HOST_H_
