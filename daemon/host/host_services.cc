// SPDX-License-Identifier: Apache-2.0

#include "host/host_services.h"

#include <new>
#include <utility>

#include "core/version.h"
#include "host/sticky_error.h"

namespace darkroom::host {
namespace {

constexpr size_t kMaxLogBytes = 8192;

std::string_view Text(const char* text) { return text == nullptr ? "" : text; }

LogLevel ToLogLevel(dr_log_level level) {
  switch (level) {
    case DR_LOG_DEBUG:
      return LogLevel::kDebug;
    case DR_LOG_INFO:
      return LogLevel::kInfo;
    case DR_LOG_WARNING:
      return LogLevel::kWarning;
    default:
      return LogLevel::kError;
  }
}

}  // namespace

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kNone:
      return "none";
    case Phase::kEntry:
      return "entry";
    case Phase::kCreate:
      return "create";
    case Phase::kLoad:
      return "load";
    case Phase::kInfer:
      return "infer";
    case Phase::kUnload:
      return "unload";
    case Phase::kDestroy:
      return "destroy";
    case Phase::kShutdown:
      return "shutdown";
  }
  return "none";
}

// The functions of dr_host_t. Each finds its object and keeps what C++ may throw from crossing into
// the plugin.
struct HostServices::Thunks {
  static HostServices& Of(const dr_host_t* host) {
    return *static_cast<HostServices*>(host->context);
  }

  template <typename Call>
  static dr_status Guard(const dr_host_t* host, Call&& call) noexcept {
    try {
      return call(Of(host));
    } catch (const std::bad_alloc&) {
      return DR_RESOURCE_EXHAUSTED;
    } catch (...) {
      return DR_INTERNAL;
    }
  }

  static const void* Extension(const dr_host_t* host, const char* id) {
    return Of(host).Extension(Text(id));
  }

  static void Log(const dr_host_t* host, dr_log_level level, const char* message) {
    (void)Guard(host, [&](HostServices& self) {
      self.Log(ToLogLevel(level), Text(message).substr(0, kMaxLogBytes));
      return DR_OK;
    });
  }
  static void SetError(const dr_host_t* host, const char* message) {
    (void)Guard(host, [&](HostServices& self) {
      self.words_.Set(Text(message));
      return DR_OK;
    });
  }
  static dr_status MetricDefine(const dr_host_t* host, dr_metric_kind kind, const char* name,
                                const char* help, uint32_t* metric) {
    return Guard(host,
                 [&](HostServices& self) { return self.DefineMetric(kind, name, help, metric); });
  }
  static void MetricAdd(const dr_host_t* host, uint32_t metric, double value) {
    (void)Guard(host, [&](HostServices& self) {
      if (!self.metrics_->Add(metric, value, self.sums_)) {
        self.Misbehaved("called metric_add() with a metric or value that is not valid");
      }
      return DR_OK;
    });
  }
  static dr_status Reserve(const dr_host_t* host, uint64_t bytes, dr_lease_t** lease) {
    return Guard(host, [&](HostServices& self) { return self.Reserve(bytes, lease); });
  }
  static void Release(const dr_host_t* host, dr_lease_t* lease) {
    (void)Guard(host, [&](HostServices& self) {
      self.Release(lease);
      return DR_OK;
    });
  }
  static dr_status Alloc(const dr_host_t* host, dr_device_t device, uint64_t bytes, void** data) {
    return Guard(host, [&](HostServices& self) { return self.Allocate(device, bytes, data); });
  }
  static void Free(const dr_host_t* host, void* data) {
    (void)Guard(host, [&](HostServices& self) {
      self.Free(data);
      return DR_OK;
    });
  }
  static int32_t Cancelled(const dr_host_t* host, const dr_job_t* job) {
    return Of(host).IsCancelled(job) ? 1 : 0;
  }
  static void Progress(const dr_host_t* host, const dr_job_t* job, double fraction,
                       const char* stage) {
    (void)Guard(host, [&](HostServices& self) {
      self.Progress(job, fraction, Text(stage).substr(0, 256));
      return DR_OK;
    });
  }
  static dr_status Output(const dr_host_t* host, const dr_job_t* job, const char* name,
                          const dr_tensor_t* like, dr_tensor_t* out) {
    return Guard(host, [&](HostServices& self) { return self.Output(job, name, like, out); });
  }
  static dr_status Adopt(const dr_host_t* host, const dr_job_t* job, const char* name,
                         dr_managed_tensor_t* tensor) {
    return Guard(host, [&](HostServices& self) { return self.Adopt(job, name, tensor); });
  }
  static void Finish(const dr_host_t* host, const dr_job_t* job, dr_status status) {
    (void)Guard(host, [&](HostServices& self) {
      self.Finish(job, status);
      return DR_OK;
    });
  }
  static int32_t PreviewWanted(const dr_host_t* host, const dr_job_t* job) {
    return Of(host).WantsPreview(job) ? 1 : 0;
  }
  static dr_status PreviewShow(const dr_host_t* host, const dr_job_t* job,
                               const dr_tensor_t* picture) {
    return Guard(host, [&](HostServices& self) { return self.ShowPreview(job, picture); });
  }
};

const dr_preview_t* HostServices::PreviewTable() {
  static constexpr dr_preview_t kTable = {sizeof(dr_preview_t), 0, Thunks::PreviewWanted,
                                          Thunks::PreviewShow};
  return &kTable;
}

HostServices::HostServices(std::string plugin_id, Metrics* metrics, MetricSums* sums)
    : plugin_id_(std::move(plugin_id)),
      version_(std::string("darkroom ") + kVersion),
      metrics_(metrics),
      sums_(sums),
      abi_() {
  abi_.size = sizeof(dr_host_t);
  abi_.abi_major = DR_ABI_MAJOR;
  abi_.abi_minor = DR_ABI_MINOR;
  abi_.context = this;
  abi_.version = version_.c_str();
  abi_.extension = Thunks::Extension;
  abi_.log = Thunks::Log;
  abi_.set_error = Thunks::SetError;
  abi_.metric_define = Thunks::MetricDefine;
  abi_.metric_add = Thunks::MetricAdd;
  abi_.reserve = Thunks::Reserve;
  abi_.release = Thunks::Release;
  abi_.alloc = Thunks::Alloc;
  abi_.free = Thunks::Free;
  abi_.cancelled = Thunks::Cancelled;
  abi_.progress = Thunks::Progress;
  abi_.output = Thunks::Output;
  abi_.adopt = Thunks::Adopt;
  abi_.finish = Thunks::Finish;
}

void HostServices::Misbehaved(std::string_view what) {
  std::string message = "plugin misbehaved: " + plugin_id_ + " ";
  message.append(what);
  Log(LogLevel::kError, message);
}

void HostServices::Begin(Phase phase) {
  (void)words_.Take();
  phase_.store(phase, std::memory_order_release);
}

void HostServices::Threw(std::string_view what) {
  const std::string words =
      "let an exception out of " + std::string(PhaseName(phase())) + ": " + std::string(what);
  Misbehaved(words);
  words_.Set("the plugin " + words);
}

Status HostServices::Explain(dr_status status, std::string_view giver) {
  std::string words = words_.Take();
  if (status == DR_OK) return Status::Ok();
  Code code = CodeFromAbi(status);
  // What a plugin does not know for more than a bug may be known by its words.
  if (code == Code::kInternal && IsStickyCudaError(words)) code = Code::kDeviceLost;
  if (status < 0 || status > DR_DEVICE_LOST) {
    const std::string unknown =
        "gave the unknown status " + std::to_string(status) + " by " + std::string(giver);
    Misbehaved(unknown);
    if (words.empty()) words = "the plugin " + unknown;
  } else if (words.empty()) {
    words = "the plugin's " + std::string(giver) + " failed without words";
    if (code == Code::kCancelled) {
      words = "cancelled";
    } else if (code == Code::kDeadlineExceeded) {
      words = "its deadline has passed";
    } else {
      Misbehaved("gave " + std::string(CodeName(code)) + " by " + std::string(giver) +
                 " without words");
    }
  }
  return Status(code, std::move(words));
}

dr_status HostServices::Fail(const Status& status) {
  words_.Set(status.message());
  const auto number = static_cast<dr_status>(status.code());
  return number <= DR_DEVICE_LOST ? number : DR_INTERNAL;
}

dr_status HostServices::DefineMetric(dr_metric_kind kind, const char* name, const char* help,
                                     uint32_t* metric) {
  if (phase() != Phase::kEntry && phase() != Phase::kCreate) {
    Misbehaved("called metric_define() outside entry and create");
    return Fail(Status::Internal("metrics are defined in entry and create"));
  }
  if (kind < DR_METRIC_COUNTER || kind > DR_METRIC_HISTOGRAM || metric == nullptr) {
    return Fail(Status::InvalidArgument("no such kind of metric"));
  }
  Result<uint32_t> defined =
      metrics_->Define(static_cast<MetricKind>(kind), Text(name), Text(help));
  if (defined.status().code() == Code::kResourceExhausted) {
    Log(LogLevel::kWarning, plugin_id_ + ": " + defined.status().message() + ", and '" +
                                std::string(Text(name)) + "' is one too many");
  }
  if (!defined.ok()) return Fail(defined.status());
  *metric = *defined;
  return DR_OK;
}

// The plugin's own dr_host_t has no lane and no jobs.

dr_status HostServices::Reserve(uint64_t, dr_lease_t**) {
  Misbehaved("called reserve() outside its lane");
  return Fail(Status::Internal("only an instance on its lane can reserve memory"));
}

void HostServices::Release(dr_lease_t*) { Misbehaved("called release() outside its lane"); }

dr_status HostServices::Allocate(dr_device_t, uint64_t, void**) {
  Misbehaved("called alloc() outside its lane");
  return Fail(Status::Internal("only an instance on its lane can allocate memory"));
}

void HostServices::Free(void*) { Misbehaved("called free() outside its lane"); }

bool HostServices::IsCancelled(const dr_job_t*) {
  return true;  // there is no job here that anybody waits for
}

void HostServices::Progress(const dr_job_t*, double, std::string_view) {
  Misbehaved("called progress() outside infer");
}

dr_status HostServices::Output(const dr_job_t*, const char*, const dr_tensor_t*, dr_tensor_t*) {
  Misbehaved("called output() outside infer");
  return Fail(Status::Internal("output() is for the running batch"));
}

dr_status HostServices::Adopt(const dr_job_t*, const char*, dr_managed_tensor_t* tensor) {
  Misbehaved("called adopt() outside infer");
  if (tensor != nullptr && tensor->deleter != nullptr) tensor->deleter(tensor);
  return Fail(Status::Internal("adopt() is for the running batch"));
}

void HostServices::Finish(const dr_job_t*, dr_status) {
  Misbehaved("called finish() outside infer");
}

bool HostServices::WantsPreview(const dr_job_t*) { return false; }

dr_status HostServices::ShowPreview(const dr_job_t*, const dr_tensor_t*) {
  Misbehaved("called show() outside infer");
  return Fail(Status::Internal("show() is for the running batch"));
}

}  // namespace darkroom::host
