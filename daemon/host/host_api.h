// SPDX-License-Identifier: Apache-2.0
//
// What the daemon sees of the host: the library (libdarkroom-host.so) that opens plugins, decodes
// inputs, runs batches on lanes and encodes outputs. All bytes from strangers and all plugin code
// are touched behind this interface and nowhere else, so that the same host can run inside the
// daemon or inside a worker process: what crosses are numbers, text and runs of bytes, never a
// descriptor, a NATS type or an image.
//
// Threads. Host, Plugin and Instance functions are called on the owner's one control thread and
// never block, save
//   Plugin's and Instance's destructors, which wait for the instance's lane to come home. Events
//   are called on an instance's lane thread (OnFinished also on others), and may be called before
//   the function that caused them has returned.
// Ownership. The caller owns what Open and Create return and destroys instances before their
// plugin, plugins before
//   their host. Events must outlive the instances that were given it.
// Order of an instance: Create, then Load, then any number of Run and Load, Unload; all are carried
// out on its lane in the
//   order in which they were called. Each Load is answered by one OnLoaded, each job of a Run by
//   one OnFinished, each Run by one OnBatchDone when the lane is free of it, while some of its jobs
//   may still be encoded, each Pause by one OnPaused, each Unload by one OnUnloaded, after all
//   else. An instance whose plugin runs jobs in steps adds those of a Run to those that run, and
//   keeps them where they are from Pause to Resume.

#ifndef DARKROOM_HOST_HOST_API_H_
#define DARKROOM_HOST_HOST_API_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "core/saved_state.h"
#include "core/status.h"

namespace darkroom::host {

inline constexpr uint32_t kHostApiVersion = 5;

// One input as it arrived: undecoded. `content_type` may be empty: the host then looks at the
// bytes.
struct JobInput {
  std::string name;
  std::string content_type;
  Bytes bytes;  // the daemon's, valid until this job's OnFinished has returned
};

// How the requester wants image outputs. Other kinds are given as they are and formed by reply/.
struct OutputForm {
  enum class Image : uint8_t { kNatural, kPng, kJpeg, kWebp };  // natural: PNG
  Image image = Image::kNatural;
  int32_t quality = 90;  // 1 to 100, for JPEG and WebP; WebP at 100 is lossless
};

// Memory that the owner of a job has for its outputs, so that they need not be copied on their way
// to the reply. For the instance's lane thread.
class OutputMemory {
 public:
  virtual ~OutputMemory() = default;
  // At least `size` bytes on a cache line of their own, valid until the job's OnFinished has
  // returned; nullptr: there is no room, and outputs go where the host likes.
  virtual std::byte* Allocate(uint64_t size) = 0;
};

struct HostJob {
  uint64_t token = 0;  // the daemon's name for the job in Events
  std::string id;      // for logs
  std::string params;  // JSON object, validated, defaults filled in
  std::vector<JobInput> inputs;
  OutputForm form;
  uint64_t deadline_ns = 0;  // CLOCK_MONOTONIC, 0: none
  const std::atomic<int32_t>* cancel =
      nullptr;  // non-zero: stop; lives until OnFinished; may be nullptr
  // Set to the lane thread's id (gettid) when the job is first looked at; lives until OnFinished;
  // may be nullptr.
  std::atomic<uint32_t>* started = nullptr;
  OutputMemory* memory = nullptr;  // lives until OnFinished; may be nullptr
  // Set by the host with each OnPreview, and cleared by who has taken that: no other one is given
  // meanwhile. Lives until OnFinished; nullptr: nobody wants to see previews.
  std::atomic<uint32_t>* preview_out = nullptr;
  // To go on from, by a plugin that can; nullptr: it begins.
  std::shared_ptr<const SavedState> state;
  // Where the plugin can write its state down it is told so often, by OnSaved; 0: never.
  std::chrono::milliseconds save_every{0};
};

// Of an encoded preview. It travels in a worker's record, where this much is sure to fit.
inline constexpr size_t kMostPreviewBytes = size_t{56} << 10;
// Between two previews of a job, so that watching costs it little.
inline constexpr std::chrono::milliseconds kPreviewGap{100};

enum class OutputKind : uint8_t { kImage, kText, kTensor, kBytes };

struct Output {
  std::string name;
  OutputKind kind = OutputKind::kBytes;
  std::string content_type;    // image/png, text/plain; charset=utf-8, application/octet-stream
  std::string dtype;           // of a tensor, such as "float32"; little-endian
  std::vector<int64_t> shape;  // of a tensor, row-major; of an image: height, width, channels
  Buffer bytes;                // encoded; the daemon's from here on
};

struct JobResult {
  Status status;
  std::vector<Output> outputs;  // empty unless status is OK
  double decode_ms = 0;
  double infer_ms = 0;  // of the whole batch
  double encode_ms = 0;
  double lane_ms = 0;       // that the batch had the lane for, until this job ended
  uint32_t batch_size = 1;  // of a job that ran in steps: that shared one, in the mean
  uint32_t steps = 0;       // that were made here; 0: it did not run in steps
  uint32_t resumed_at = 0;  // made elsewhere before; 0: it was begun here
  // The plugin failed it with kResourceExhausted: its device may be too full.
  bool out_of_memory = false;
};

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

// One of a plugin's metrics, and what an instance has added to it since it was made. A histogram is
// kept as count and sum, which give its rate and mean. `value` is a counter's or gauge's sum of all
// that was added, or a histogram's sum.
struct MetricValue {
  MetricKind kind = MetricKind::kCounter;
  std::string name;
  std::string help;
  double value = 0;
  uint64_t count = 0;  // of additions
};

// What the host tells the daemon. Every call is short for the caller to make: implementations hand
// over and return.
class Events {
 public:
  virtual ~Events() = default;
  // Where a plugin is hosted elsewhere, instances are made there and lost with that place. Not
  // called by the library itself, whose Create answers at once.
  virtual void OnCreated(Status status) = 0;
  // The instance is gone, with all that it was told and has not answered. `suspects`: the
  // jobs one of which may have ended it.
  virtual void OnLost(Status why, std::vector<uint64_t> suspects) = 0;
  virtual void OnLoaded(Status status, double load_ms) = 0;
  virtual void OnFinished(uint64_t token, JobResult result) = 0;
  virtual void OnBatchDone() = 0;
  virtual void OnPaused() = 0;
  virtual void OnUnloaded() = 0;
  // The instance wants to hold so many bytes of its device beyond what it was loaded with. Its lane
  // waits for Instance::AnswerReserve.
  virtual void OnReserve(uint64_t bytes) = 0;
  // At most the newest of several quick calls need reach the requester. `stage` may be empty.
  virtual void OnProgress(uint64_t token, double fraction, std::string_view stage) = 0;
  // How a job comes along: a small JPEG, of kMostPreviewBytes at most. It need not reach anybody.
  virtual void OnPreview(uint64_t token, Buffer jpeg) = 0;
  // Where a job is, which goes on. What made it is for the daemon to fill in.
  virtual void OnSaved(uint64_t token, SavedState state) = 0;
  virtual void OnLog(LogLevel level, std::string_view message) = 0;
  // Of the plugin's metrics those that have changed since this was last told.
  virtual void OnMetrics(std::vector<MetricValue>) {}  // NOLINT: others take it over
};

// Where an instance runs.
struct LaneSpec {
  int32_t device_type = 1;  // DLPack's codes, as in darkroom/plugin.h: 1 CPU, 2 CUDA
  int32_t device_id = 0;
  uint32_t max_batch = 1;
  // Of a simulated device: its number, and how many times as fast as the CPU it is to be. 0: it is
  // a real one.
  uint32_t sim_index = 0;
  double sim_speed = 0;
};

inline constexpr uint64_t kNoMemoryLimit = UINT64_MAX;

struct InstanceSpec {
  std::string model;   // for logs and thread names
  std::string config;  // JSON: the model's `weights` and `options` of the configuration
  LaneSpec lane;
};

class Instance {
 public:
  virtual ~Instance() = default;
  // `memory`: bytes of its device that there is a lease for, or kNoMemoryLimit.
  virtual void Load(uint64_t memory) = 0;
  virtual void Run(std::vector<HostJob> batch) = 0;
  // Of an instance that runs jobs in steps: makes none until Resume.
  virtual void Pause() = 0;
  virtual void Resume() = 0;
  // A job's cancel flag was set: wakes the plugin if it asked for that (dr_plugin.cancel). May be
  // called on another thread than the rest, and may take as long as the plugin does.
  virtual void Cancel(uint64_t token) = 0;
  virtual void Unload() = 0;
  // Of an OnReserve, OK if it may. May be called on another thread than the rest.
  virtual void AnswerReserve(const Status& status) = 0;
};

class Plugin {
 public:
  virtual ~Plugin() = default;
  // Makes an instance: checks its config and starts its lane. Errors are the plugin's, in its own
  // words.
  virtual Result<std::unique_ptr<Instance>> Create(const InstanceSpec& spec, Events* events) = 0;
};

struct HostOptions {
  uint64_t max_pixels = 64'000'000;        // of one image, after decoding
  uint64_t max_input_bytes = 64ULL << 20;  // of one encoded input
  // Threads that decode and encode pictures beside the lanes; with none the lanes do all of it.
  uint32_t codec_threads = 2;
  // Folder with libtorch_cpu.so, opened from it before a plugin that uses it; empty: plugins find
  // libtorch themselves.
  std::string torch_lib;
  // It works for a CUDA device: libtorch_cuda.so is opened from torch_lib first.
  bool cuda = false;
  // What a plugin says outside its instances. Called on any thread, for as long as a Buffer of a
  // plugin's lives.
  std::function<void(LogLevel, std::string_view)> log;
};

class Host {
 public:
  virtual ~Host() = default;
  // Opens a plugin's file. `manifest` is its manifest JSON, read and checked before by the caller.
  virtual Result<std::unique_ptr<Plugin>> Open(const std::string& path,
                                               const std::string& manifest) = 0;
};

// The library's one entry, found by name: darkroom_host_create. Returns nullptr when `api_version`
// is not its own.
using CreateFunction = Host*(uint32_t api_version, const HostOptions& options);
inline constexpr const char* kCreateSymbol = "darkroom_host_create";

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_HOST_API_H_
