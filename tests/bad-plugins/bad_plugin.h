// SPDX-License-Identifier: Apache-2.0
//
// The good half of a bad plugin: it copies its one input `data` to its one output `data`, until a
// job's input begins with a word that calls for the other half.
//
//   dr_status Crash(const dr_host_t* host, const dr_job_t* job) { ... }
//   BAD_PLUGIN(.bad = Crash)
//
// Against the C header alone, since the C++ wrapper would not let it do most of this. Threads are
// those of darkroom/plugin.h. Each member of the zoo is one file that includes this header once.

#ifndef DARKROOM_TESTS_BAD_PLUGINS_BAD_PLUGIN_H_
#define DARKROOM_TESTS_BAD_PLUGINS_BAD_PLUGIN_H_

#include <darkroom/plugin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// One instance: all it needs is the host that it was created by.
struct dr_instance {
  const dr_host_t* host;
};

namespace bad {

// What `Member::bad` returns when the job has been ended already, or is never to be.
inline constexpr dr_status kLeaveOpen = -1;

struct Member {
  // Runs a job that is asked to be bad. What it returns, the job ends with.
  dr_status (*bad)(const dr_host_t* host, const dr_job_t* job) = nullptr;
  // The input of such a job: this word, alone or, if it takes one, before a space and an argument.
  std::string_view word = "bad";
  bool takes_argument = false;
  bool always = false;  // every job is such a job
  dr_status (*load)(const dr_host_t* host) = nullptr;
  void (*create)() = nullptr;
};

inline std::string_view InputOf(const dr_job_t* job) {
  if (job->input_count == 0) return {};
  const dr_tensor_t& input = *job->inputs[0]->tensor;
  if (input.shape[0] == 0) return {};
  return {static_cast<const char*>(input.data) + input.byte_offset,
          static_cast<size_t>(input.shape[0])};
}

// What follows the word and its space.
inline std::string ArgumentOf(const dr_job_t* job) {
  const std::string_view input = InputOf(job);
  return std::string(input.substr(input.find(' ') + 1));
}

inline dr_status Output(const dr_host_t* host, const dr_job_t* job, int64_t size,
                        dr_tensor_t* out) {
  int64_t stride = 1;
  dr_tensor_t like{};
  like.device = {DR_DEVICE_CPU, 0};
  like.ndim = 1;
  like.dtype = {DR_DTYPE_UINT, 8, 1};
  like.shape = &size;
  like.strides = &stride;
  return host->output(host, job, "data", &like, out);
}

inline dr_status Answer(const dr_host_t* host, const dr_job_t* job, std::string_view text) {
  dr_tensor_t out{};
  const dr_status status = Output(host, job, static_cast<int64_t>(text.size()), &out);
  if (status == DR_OK && !text.empty()) {
    std::memcpy(static_cast<std::byte*>(out.data) + out.byte_offset, text.data(), text.size());
  }
  return status;
}

inline dr_status Echo(const dr_host_t* host, const dr_job_t* job) {
  return Answer(host, job, InputOf(job));
}

inline bool IsBad(const Member& member, std::string_view input) {
  if (member.bad == nullptr || member.always) return member.always;
  if (!input.starts_with(member.word)) return false;
  const std::string_view rest = input.substr(member.word.size());
  return member.takes_argument ? rest.starts_with(' ') : rest.empty();
}

template <const Member& kMember>
struct Table {
  static dr_status Create(const dr_host_t* host, const char*, dr_instance_t** instance) {
    if (kMember.create != nullptr) kMember.create();
    *instance = new dr_instance{host};
    return DR_OK;
  }
  static dr_status Load(dr_instance_t* self, const dr_lane_t*) {
    return kMember.load == nullptr ? DR_OK : kMember.load(self->host);
  }
  static dr_status Infer(dr_instance_t* self, const dr_batch_t* batch) {
    const dr_host_t* host = self->host;
    for (uint32_t i = 0; i < batch->count; ++i) {
      const dr_job_t* job = batch->jobs[i];
      const dr_status status =
          IsBad(kMember, InputOf(job)) ? kMember.bad(host, job) : Echo(host, job);
      if (status != kLeaveOpen) host->finish(host, job, status);
    }
    return DR_OK;
  }
  static void Unload(dr_instance_t*) {}
  static void Destroy(dr_instance_t* self) { delete self; }
  static void Shutdown() {}

  static constexpr dr_plugin_t kPlugin = {
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
};

}  // namespace bad

// The plugin's table, for an entry of the member's own.
#define BAD_TABLE(...)                                                 \
  namespace {                                                          \
  constexpr bad::Member kMember = {__VA_ARGS__};                       \
  constexpr const dr_plugin_t* kTable = &bad::Table<kMember>::kPlugin; \
  }

#define BAD_PLUGIN(...)  \
  BAD_TABLE(__VA_ARGS__) \
  const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) { return kTable; }

#endif  // DARKROOM_TESTS_BAD_PLUGINS_BAD_PLUGIN_H_
