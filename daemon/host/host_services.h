// SPDX-License-Identifier: Apache-2.0
//
// HostServices fills in the ABI's dr_host_t: it is what a plugin reaches the host by. There is one
// for each instance (LaneServices) and one for the plugin itself (Module's). This base serves what
// both may do (log, error words, metrics) and takes every other call as misbehaviour; it also knows
// which call into the plugin is in progress, against which the ABI's state tags are checked.
//
// The functions behind dr_host_t may be called from any thread: a plugin may be wrong about its
// tags. What only one thread may do is checked before it is done. No exception leaves them.

#ifndef DARKROOM_HOST_HOST_SERVICES_H_
#define DARKROOM_HOST_HOST_SERVICES_H_

#include <darkroom/plugin.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/status.h"
#include "host/error_words.h"
#include "host/host_api.h"
#include "host/metrics.h"

namespace darkroom::host {

// The call into the plugin that is in progress.
enum class Phase : uint8_t { kNone, kEntry, kCreate, kLoad, kInfer, kUnload, kDestroy, kShutdown };

std::string_view PhaseName(Phase phase);

class HostServices {
 public:
  // `metrics` are the plugin's, and `sums` what is added to them by way of this. Both outlive it.
  HostServices(std::string plugin_id, Metrics* metrics, MetricSums* sums);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;
  virtual ~HostServices() = default;

  const dr_host_t* abi() const { return &abi_; }
  const std::string& plugin_id() const { return plugin_id_; }
  Phase phase() const { return phase_.load(std::memory_order_acquire); }

  virtual void Log(LogLevel level, std::string_view message) = 0;

  // Logs "plugin misbehaved: <id> <what>".
  void Misbehaved(std::string_view what);

  // Makes one call into the plugin: `call` gets no arguments and returns dr_status or nothing. The
  // phase is set meanwhile, error words of earlier calls are dropped, and an exception is stopped
  // here.
  template <typename Call>
  dr_status MakeCall(Phase phase, Call&& call) noexcept {
    Begin(phase);
    dr_status status = DR_INTERNAL;
    try {
      if constexpr (std::is_void_v<decltype(call())>) {
        call();
        status = DR_OK;
      } else {
        status = call();
      }
    } catch (const std::exception& error) {
      Threw(error.what());
    } catch (...) {
      Threw("of a type that is no std::exception");
    }
    phase_.store(Phase::kNone, std::memory_order_release);
    return status;
  }

  // Makes a call that may come while another is in progress, and changes nothing of that one.
  template <typename Call>
  void CallAside(Call&& call) noexcept {
    try {
      call();
    } catch (const std::exception& error) {
      Threw(error.what());
    } catch (...) {
      Threw("of a type that is no std::exception");
    }
  }

  // What a status means that the plugin just gave on this thread, with its words. `giver` is the
  // ABI's name of what gave it, such as "load" or "finish".
  Status Explain(dr_status status, std::string_view giver);

 protected:
  // A struct of further services by its id, or nullptr. Valid as long as this.
  virtual const void* Extension(std::string_view) { return nullptr; }
  // What only an instance's services can do. `job` may be anything.
  virtual dr_status Reserve(uint64_t bytes, dr_lease_t** lease);
  virtual void Release(dr_lease_t* lease);
  virtual dr_status Allocate(dr_device_t device, uint64_t bytes, void** data);
  virtual void Free(void* data);
  virtual bool IsCancelled(const dr_job_t* job);
  virtual void Progress(const dr_job_t* job, double fraction, std::string_view stage);
  virtual dr_status Output(const dr_job_t* job, const char* name, const dr_tensor_t* like,
                           dr_tensor_t* out);
  virtual dr_status Adopt(const dr_job_t* job, const char* name, dr_managed_tensor_t* tensor);
  virtual void Finish(const dr_job_t* job, dr_status status);
  virtual bool WantsPreview(const dr_job_t* job);
  virtual dr_status ShowPreview(const dr_job_t* job, const dr_tensor_t* picture);

  // The functions of darkroom.preview/1, which lead to those two.
  static const dr_preview_t* PreviewTable();

  const Metrics& metrics() const { return *metrics_; }

  // Remembers `status`'s words as if the plugin had set them, and gives its number.
  dr_status Fail(const Status& status);

 private:
  struct Thunks;  // the functions of the table
  friend struct Thunks;

  void Begin(Phase phase);
  void Threw(std::string_view what);
  dr_status DefineMetric(dr_metric_kind kind, const char* name, const char* help, uint32_t* metric);

  const std::string plugin_id_;
  const std::string version_;
  Metrics* const metrics_;
  MetricSums* const sums_;
  ErrorWords words_;
  std::atomic<Phase> phase_{Phase::kNone};
  dr_host_t abi_;
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_HOST_SERVICES_H_
