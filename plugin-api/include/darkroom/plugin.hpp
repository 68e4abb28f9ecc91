// SPDX-License-Identifier: Apache-2.0
//
// The wrapper of darkroom/plugin.h for C++20, in a header alone (plugins in C or older C++ use
// plugin.h itself). A model is a plain class:
//
//   class Model {
//    public:
//     Model(darkroom::Host host, std::string_view config);  // checks config; no weights, no device
//     void Load(const dr_lane_t& lane);                     // makes it ready, warm
//     void Infer(darkroom::Job& job);                       // runs one job; throws if it fails
//     void Unload();                                        // gives everything back
//   };
//   DARKROOM_PLUGIN(Model)
//
// A model that wants its jobs together has `void Infer(darkroom::Batch& batch)` instead, and
// finishes each itself; those it leaves open end as the call does. A model that blocks may have
// `void Cancel(const dr_job_t* job)`, called from any thread: it wakes what waits.
//
// A model whose jobs are made of many like steps has, instead of Infer (and names the extension
// darkroom.stepwise/1 in its manifest):
//
//     struct Run;                                      // a job of its, between Begin and the end
//     std::unique_ptr<Run> Begin(darkroom::Job& job);  // the job stays valid as long as the run
//     void Step(std::span<Run* const> runs, std::span<uint32_t> left);  // left[i]: of its steps
//     void Finish(Run& run);                           // gives the outputs
//
// and, so that a job goes on where it was when a worker or a machine is lost (the extension
// darkroom.checkpoint/1, named too):
//
//     std::string Save(const Run& run);                // the state between two steps, as bytes
//     std::unique_ptr<Run> Restore(darkroom::Job& job, std::string_view state);  // for Begin
//
// Constructor, Load and Infer may throw: darkroom::Error says a status and words, any other
// exception is DR_INTERNAL (std::bad_alloc: DR_RESOURCE_EXHAUSTED). None crosses the boundary.
// Threads and ownership are those of plugin.h: Load, Infer and Unload run on the instance's lane,
// the constructor and the destructor on the control thread.

#ifndef DARKROOM_PLUGIN_HPP_
#define DARKROOM_PLUGIN_HPP_

#if __cplusplus < 202002L
#error "darkroom/plugin.hpp needs C++20; older C++ uses darkroom/plugin.h"
#endif

#include <darkroom/plugin.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace darkroom {

// A failure with its status. The words are shown to whoever sent the request: what is wrong, with
// names and numbers.
class Error : public std::runtime_error {
 public:
  Error(dr_status status, const std::string& words) : std::runtime_error(words), status_(status) {}
  dr_status status() const { return status_; }

 private:
  dr_status status_;
};

// Throws a failure of one of the host's own services. It goes without words, because the host has
// said already what went wrong, and words of ours would take the place of its better ones.
inline void CheckHost(dr_status status) {
  if (status != DR_OK) throw Error(status, "");
}

// A metric of the plugin, made in the model's constructor. Any thread may add to it.
class Metric {
 public:
  Metric(const dr_host_t* host, dr_metric_kind kind, const char* name, const char* help)
      : host_(host) {
    CheckHost(host->metric_define(host, kind, name, help, &number_));
  }
  void Add(double value) const { host_->metric_add(host_, number_, value); }

 private:
  const dr_host_t* host_;
  uint32_t number_ = 0;
};

// The host's services for one instance. Valid as long as the instance.
class Host {
 public:
  explicit Host(const dr_host_t* host) : host_(host) {}

  void Log(dr_log_level level, const std::string& message) const {
    host_->log(host_, level, message.c_str());
  }
  void SetError(const std::string& words) const { host_->set_error(host_, words.c_str()); }
  // A table of further services such as "darkroom.NAME/1", or nullptr where the host has none.
  const void* Extension(const char* id) const { return host_->extension(host_, id); }
  // In the model's constructor only. Names are [a-z_][a-z0-9_]*.
  Metric Counter(const char* name, const char* help) const {
    return {host_, DR_METRIC_COUNTER, name, help};
  }
  Metric Gauge(const char* name, const char* help) const {
    return {host_, DR_METRIC_GAUGE, name, help};
  }
  Metric Histogram(const char* name, const char* help) const {
    return {host_, DR_METRIC_HISTOGRAM, name, help};
  }
  const dr_host_t* get() const { return host_; }

 private:
  const dr_host_t* host_;
};

// The right to hold so many bytes of the lane's device; given back when it goes. For the lane.
class Lease {
 public:
  Lease(Host host, uint64_t bytes) : host_(host) {
    CheckHost(host.get()->reserve(host.get(), bytes, &lease_));
  }
  Lease(Lease&& other) noexcept
      : host_(other.host_), lease_(std::exchange(other.lease_, nullptr)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (lease_ != nullptr) host_.get()->release(host_.get(), lease_);
  }

 private:
  Host host_;
  dr_lease_t* lease_ = nullptr;
};

// One job of the batch that is run. Valid until it is finished.
class Job {
 public:
  Job(Host host, const dr_job_t* job) : host_(host), job_(job) {}

  std::string_view id() const { return job_->id; }
  std::string_view params() const { return job_->params; }  // JSON, complete

  // nullptr if the request did not give this (optional) input.
  const dr_tensor_t* FindInput(std::string_view name) const {
    for (uint32_t i = 0; i < job_->input_count; ++i) {
      if (job_->inputs[i]->name == name) return job_->inputs[i]->tensor;
    }
    return nullptr;
  }
  const dr_tensor_t& Input(std::string_view name) const {
    const dr_tensor_t* tensor = FindInput(name);
    if (tensor == nullptr) {
      throw Error(DR_INVALID_ARGUMENT, "input '" + std::string(name) + "' is missing");
    }
    return *tensor;
  }
  // A text or bytes input: one dimension of uint8.
  std::span<const std::byte> InputBytes(std::string_view name) const {
    const dr_tensor_t& tensor = Input(name);
    return {static_cast<const std::byte*>(tensor.data) + tensor.byte_offset,
            static_cast<size_t>(tensor.shape[0])};
  }

  // Host memory for an output, compact in the order of `shape`; to be written before the job is
  // finished. Text and bytes outputs are OutputBytes.
  void* Output(const char* name, dr_dtype_t dtype, std::vector<int64_t> shape) const {
    dr_tensor_t like{};
    like.device = {DR_DEVICE_CPU, 0};
    like.ndim = static_cast<int32_t>(shape.size());
    like.dtype = dtype;
    like.shape = shape.data();
    dr_tensor_t out{};
    CheckHost(host_.get()->output(host_.get(), job_, name, &like, &out));
    return static_cast<std::byte*>(out.data) + out.byte_offset;
  }
  std::span<std::byte> OutputBytes(const char* name, size_t size) const {
    void* data = Output(name, {DR_DTYPE_UINT, 8, 1}, {static_cast<int64_t>(size)});
    return {static_cast<std::byte*>(data), size};
  }
  // Gives the plugin's own tensor away; the host calls its deleter, even if this throws.
  void Adopt(const char* name, dr_managed_tensor_t* tensor) const {
    CheckHost(host_.get()->adopt(host_.get(), job_, name, tensor));
  }

  bool Cancelled() const { return host_.get()->cancelled(host_.get(), job_) != 0; }
  // For loops: throws once nobody waits for the job any more.
  void StopIfCancelled() const {
    if (Cancelled()) throw Error(DR_CANCELLED, "cancelled while it ran");
  }
  void Progress(double fraction, const std::string& stage = {}) const {
    host_.get()->progress(host_.get(), job_, fraction, stage.empty() ? nullptr : stage.c_str());
  }

  // Whether a preview that is given now would be seen. Ask before one is made.
  bool WantsPreview() const {
    const dr_preview_t* const previews = Previews();
    return previews != nullptr && previews->wanted(host_.get(), job_) != 0;
  }
  // Shows whoever watches how the job comes along: rows of `channels` bytes a pixel, without gaps,
  // DR_PREVIEW_MAX_SIDE pixels a side at most.
  void Preview(std::span<const uint8_t> pixels, int64_t height, int64_t width,
               int64_t channels) const {
    const dr_preview_t* const previews = Previews();
    if (previews == nullptr) return;
    if (pixels.size() != static_cast<size_t>(height * width * channels)) {
      throw Error(DR_INTERNAL, "a preview has another number of bytes than its shape says");
    }
    int64_t shape[] = {height, width, channels};
    int64_t strides[] = {width * channels, channels, 1};
    dr_tensor_t picture{};
    picture.data = const_cast<uint8_t*>(pixels.data());  // which the host only reads
    picture.device = {DR_DEVICE_CPU, 0};
    picture.ndim = 3;
    picture.dtype = {DR_DTYPE_UINT, 8, 1};
    picture.shape = shape;
    picture.strides = strides;
    CheckHost(previews->show(host_.get(), job_, &picture));
  }

  // Ends the job, once; later calls do nothing. The job's tensors are gone with it.
  void Finish(dr_status status, const std::string& words = {}) {
    if (finished_) return;
    finished_ = true;
    if (status != DR_OK && !words.empty()) host_.SetError(words);
    host_.get()->finish(host_.get(), job_, status);
  }

  const dr_job_t* get() const { return job_; }

 private:
  const dr_preview_t* Previews() const {
    return static_cast<const dr_preview_t*>(host_.Extension(DR_PREVIEW_1));
  }

  Host host_;
  const dr_job_t* job_;
  bool finished_ = false;
};

using Batch = std::vector<Job>;

namespace plugin_internal {

// Runs `call`, and turns what it throws into a status; `fail` is given the words, which are empty
// where the host has said them itself.
template <typename Call, typename Fail>
dr_status Guard(const Call& call, const Fail& fail) {
  try {
    call();
    return DR_OK;
  } catch (const Error& error) {
    fail(error.status(), error.what());
    return error.status();
  } catch (const std::bad_alloc&) {
    fail(DR_RESOURCE_EXHAUSTED, "out of memory");
    return DR_RESOURCE_EXHAUSTED;
  } catch (const std::exception& error) {
    fail(DR_INTERNAL, error.what());
    return DR_INTERNAL;
  } catch (...) {
    fail(DR_INTERNAL, "the plugin threw something that is no exception");
    return DR_INTERNAL;
  }
}

template <typename Model>
struct Instance {
  Host host;
  std::unique_ptr<Model> model;
};

// What the host holds as a dr_run_t.
template <typename Model>
struct HeldRun {
  Job job;
  std::unique_ptr<typename Model::Run> run;
};

// Whether a model's runs can be written down: darkroom.checkpoint/1.
template <typename Model>
concept HasState =
    requires(Model& model, const typename Model::Run& run, Job& job, std::string_view state) {
      { model.Save(run) } -> std::convertible_to<std::string>;
      { model.Restore(job, state) } -> std::same_as<std::unique_ptr<typename Model::Run>>;
    };

// The functions of darkroom.stepwise/1 for a model that has a Run.
template <typename Model>
struct StepTable {
  using Held = HeldRun<Model>;

  static Instance<Model>* Of(dr_instance_t* instance) {
    return reinterpret_cast<Instance<Model>*>(instance);
  }
  static Held* Of(dr_run_t* run) { return reinterpret_cast<Held*>(run); }
  template <typename Call>
  static dr_status Try(dr_instance_t* instance, const Call& call) {
    return Guard(call, [host = Of(instance)->host](dr_status, const char* words) {
      if (*words != '\0') host.SetError(words);
    });
  }

  static dr_status Begin(dr_instance_t* instance, const dr_job_t* job, dr_run_t** run) {
    return Try(instance, [&] {
      auto held = std::make_unique<Held>(Held{Job(Of(instance)->host, job), nullptr});
      held->run = Of(instance)->model->Begin(held->job);
      *run = reinterpret_cast<dr_run_t*>(held.release());
    });
  }
  static dr_status Step(dr_instance_t* instance, dr_run_t* const* runs, uint32_t count,
                        uint32_t* left) {
    return Try(instance, [&] {
      std::vector<typename Model::Run*> of_model;
      of_model.reserve(count);
      for (uint32_t i = 0; i < count; ++i) of_model.push_back(Of(runs[i])->run.get());
      Of(instance)->model->Step(std::span<typename Model::Run* const>(of_model),
                                std::span<uint32_t>(left, count));
    });
  }
  static dr_status Finish(dr_instance_t* instance, dr_run_t* run) {
    return Try(instance, [&] { Of(instance)->model->Finish(*Of(run)->run); });
  }
  static void End(dr_instance_t*, dr_run_t* run) { delete Of(run); }

  static dr_status Save(dr_instance_t* instance, dr_run_t* run,
                        dr_status (*write)(void*, const void*, uint64_t), void* context)
    requires HasState<Model>
  {
    dr_status written = DR_OK;
    const dr_status made = Try(instance, [&] {
      const std::string state = Of(instance)->model->Save(*Of(run)->run);
      written = write(context, state.data(), state.size());
    });
    return made == DR_OK ? written : made;
  }
  static dr_status Restore(dr_instance_t* instance, const dr_job_t* job, const void* state,
                           uint64_t bytes, dr_run_t** run)
    requires HasState<Model>
  {
    return Try(instance, [&] {
      auto held = std::make_unique<Held>(Held{Job(Of(instance)->host, job), nullptr});
      held->run = Of(instance)->model->Restore(
          held->job, std::string_view(static_cast<const char*>(state), bytes));
      *run = reinterpret_cast<dr_run_t*>(held.release());
    });
  }

  static constexpr dr_stepwise_t kTable = {
      .size = sizeof(dr_stepwise_t),
      .flags = 0,
      .begin = Begin,
      .step = Step,
      .finish = Finish,
      .end = End,
  };
};

template <typename Model>
  requires HasState<Model>
struct CheckpointTable {
  static constexpr dr_checkpoint_t kTable = {
      .size = sizeof(dr_checkpoint_t),
      .flags = 0,
      .save = StepTable<Model>::Save,
      .restore = StepTable<Model>::Restore,
  };
};

template <typename Model>
struct Table {
  static Instance<Model>* Of(dr_instance_t* instance) {
    return reinterpret_cast<Instance<Model>*>(instance);
  }
  static auto Tell(Host host) {
    return [host](dr_status, const char* words) {
      if (*words != '\0') host.SetError(words);
    };
  }
  // After these no job of the batch can fare better than the one that failed.
  static bool IsLost(dr_status status) {
    return status == DR_INSTANCE_LOST || status == DR_DEVICE_LOST;
  }

  static dr_status Create(const dr_host_t* host, const char* config, dr_instance_t** instance) {
    return Guard(
        [&] {
          auto made = std::make_unique<Instance<Model>>(Instance<Model>{Host(host), nullptr});
          made->model = std::make_unique<Model>(Host(host), std::string_view(config));
          *instance = reinterpret_cast<dr_instance_t*>(made.release());
        },
        Tell(Host(host)));
  }
  static dr_status Load(dr_instance_t* instance, const dr_lane_t* lane) {
    return Guard([&] { Of(instance)->model->Load(*lane); }, Tell(Of(instance)->host));
  }
  static dr_status Infer(dr_instance_t* instance, const dr_batch_t* batch) {
    const Host host = Of(instance)->host;
    Model& model = *Of(instance)->model;
    Batch jobs;
    return Guard(
        [&] {
          jobs.reserve(batch->count);
          for (uint32_t i = 0; i < batch->count; ++i) jobs.emplace_back(host, batch->jobs[i]);
          if constexpr (kIsStepwise) {
            for (Job& job : jobs) RunSteps(model, job);
          } else if constexpr (requires { model.Infer(jobs); }) {
            model.Infer(jobs);
          } else {
            for (Job& job : jobs) {
              std::string said;
              const dr_status status =
                  Guard([&] { model.Infer(job); },
                        [&said](dr_status, const char* words) { said = words; });
              if (IsLost(status)) throw Error(status, said);
              job.Finish(status, said);
            }
          }
        },
        Tell(host));
  }
  // For a host that does not know of steps.
  static void RunSteps(Model& model, Job& job) {
    std::string said;
    const dr_status status = Guard(
        [&] {
          const auto run = model.Begin(job);
          auto* const one = run.get();
          for (uint32_t left = 1; left > 0;) {
            job.StopIfCancelled();
            model.Step({&one, 1}, {&left, 1});
          }
          model.Finish(*run);
        },
        [&said](dr_status, const char* words) { said = words; });
    if (IsLost(status)) throw Error(status, said);
    job.Finish(status, said);
  }
  static const void* Extension(const char* id) {
    if constexpr (kIsStepwise) {
      if (std::strcmp(id, DR_STEPWISE_1) == 0) return &StepTable<Model>::kTable;
      if constexpr (HasState<Model>) {
        if (std::strcmp(id, DR_CHECKPOINT_1) == 0) return &CheckpointTable<Model>::kTable;
      }
    }
    return nullptr;
  }
  static void Cancel(dr_instance_t* instance, const dr_job_t* job) {
    if constexpr (kHasCancel) {
      (void)Guard([&] { Of(instance)->model->Cancel(job); }, [](dr_status, const char*) {});
    }
  }
  static void Unload(dr_instance_t* instance) {
    (void)Guard([&] { Of(instance)->model->Unload(); },
                [&](dr_status, const char* words) {
                  Of(instance)->host.Log(DR_LOG_ERROR, std::string("unload: ") + words);
                });
  }
  static void Destroy(dr_instance_t* instance) { delete Of(instance); }
  static void Shutdown() {}

  static constexpr bool kHasCancel =
      requires(Model& model, const dr_job_t* job) { model.Cancel(job); };
  static constexpr bool kIsStepwise = requires { typename Model::Run; };
  static constexpr dr_plugin_t kTable = {
      .size = sizeof(dr_plugin_t),
      .abi_major = DR_ABI_MAJOR,
      .abi_minor = DR_ABI_MINOR,
      .flags = 0,
      .create = Create,
      .load = Load,
      .infer = Infer,
      .cancel = kHasCancel ? Cancel : nullptr,
      .unload = Unload,
      .destroy = Destroy,
      .shutdown = Shutdown,
      .extension = Extension,
  };
};

// The manifest keeps a host of another major from opening the file at all; this is for hosts that
// do not look.
inline const dr_plugin_t* Enter(const dr_host_t* host, const dr_plugin_t* table) {
  if (host->abi_major == DR_ABI_MAJOR) return table;
  host->set_error(host, "the plugin was built for another major version of the ABI");
  return nullptr;
}

}  // namespace plugin_internal
}  // namespace darkroom

// The plugin's entry. Once, in one source file, outside any namespace.
#define DARKROOM_PLUGIN(Model)                                                                     \
  const dr_plugin_t* darkroom_plugin_entry(const dr_host_t* host) {                                \
    return ::darkroom::plugin_internal::Enter(host,                                                \
                                              &::darkroom::plugin_internal::Table<Model>::kTable); \
  }

#endif  // DARKROOM_PLUGIN_HPP_
