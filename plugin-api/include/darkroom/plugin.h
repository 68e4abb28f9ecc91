// SPDX-License-Identifier: Apache-2.0
//
// The darkroom plugin ABI 1.0.
//
// A plugin is one shared object that exports one symbol, darkroom_plugin_entry. The same file runs
// inside the daemon or inside a worker process, and cannot tell which. docs/plugin-abi.md tells the
// same at length; plugin.hpp wraps it for C++.
//
// Versioning. Same major loads; a newer minor only appends. Every struct begins with its `size`,
//   set by whoever fills it; a reader tests DR_HAS before touching a field newer than 1.0. Structs
//   that come in numbers are passed as arrays of pointers, so they too can grow. Slots are never
//   reordered, retyped or reused. Optional features are extensions named "darkroom.NAME/REVISION".
// Threads. Each function carries one tag:
//   [control]  the plugin's control thread: no two [control] calls of one plugin overlap
//   [lane]     the instance's lane: one OS thread, the same from load to unload, made for this
//              instance and joined before the file is unmapped
//   [any]      any thread, concurrently, also from inside another call
// Ownership. Who allocates, frees. What a call is given is valid until that call returns, unless
//   its comment says longer. The receiver copies every string it keeps. Strings are UTF-8.
// Errors. A dr_status, and set_error() for the words. No exception or longjmp crosses. No exit(),
//   fork(), signal handlers, chdir() or setenv(). Threads a plugin starts are joined in unload.

#ifndef DARKROOM_PLUGIN_H_
#define DARKROOM_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DR_ABI_MAJOR 1
#define DR_ABI_MINOR 0

// Whether the struct at `ptr` is new enough to have `field`, and the field is filled in.
#define DR_HAS(ptr, type, field) \
  ((ptr)->size >= offsetof(type, field) + sizeof((ptr)->field) && (ptr)->field)

#define DR_EXPORT __attribute__((visibility("default")))

#if defined(__has_attribute)
#if __has_attribute(retain)
#define DR_RETAIN __attribute__((retain))  // survives --gc-sections
#endif
#endif
#ifndef DR_RETAIN
#define DR_RETAIN
#endif

// ---- Manifest: read from the file before any of the plugin's code runs --------------------------

// JSON: id, version, summary;
//   params:    JSON Schema (2020-12) of a request's params, with defaults; the host validates
//   inputs, outputs: [{name, kind: image|mask|text|tensor|bytes, dtype, shape, optional}]
//   interface: "options": the model's options have params (the properties), inputs, outputs, batch
//   batch:     {max, key: [params and inputs that must be equal to share a batch]}
//   resources: {device: [cuda, cpu], memory, torch: "2.11"}   torch null: libtorch is not used
//   unload:    "clean" (dlclose after shutdown) | "resident" (never unmapped)
//   extensions: [names of those below that the plugin has]
// darkroom_add_plugin() embeds manifest.json; DR_MANIFEST does the same for builds without CMake.
#define DR_MANIFEST_MAGIC "DARKROOM"
#define DR_MANIFEST_SECTION ".darkroom"

typedef struct dr_manifest {
  char magic[8];
  uint32_t size;  // of this header; the JSON follows it
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t json_size;
} dr_manifest_t;

// clang-format off
#define DR_MANIFEST_HEADER(json_bytes)                                                        \
  {{'D', 'A', 'R', 'K', 'R', 'O', 'O', 'M'}, sizeof(dr_manifest_t), DR_ABI_MAJOR, DR_ABI_MINOR, \
   (json_bytes)}
#define DR_MANIFEST_PLACE __attribute__((section(DR_MANIFEST_SECTION), used)) DR_RETAIN
#define DR_MANIFEST(json)                      \
  DR_MANIFEST_PLACE static const struct {      \
    dr_manifest_t header;                      \
    char text[sizeof(json)];                   \
  } dr_manifest_v1 = {DR_MANIFEST_HEADER(sizeof(json) - 1), json}
// clang-format on

// ---- Tensors: the layout of DLPack 1.x under names of our own -----------------------------------

// Byte for byte DLDevice, DLDataType, DLTensor and DLManagedTensorVersioned, so that a cast is
// enough (tests/abi asserts it); no third-party header, and no clash with the copy that libtorch
// carries.
typedef struct dr_device {
  int32_t type;  // DR_DEVICE_*
  int32_t id;
} dr_device_t;

enum { DR_DEVICE_CPU = 1, DR_DEVICE_CUDA = 2, DR_DEVICE_CUDA_HOST = 3 };  // DLPack's; 3 is pinned

typedef struct dr_dtype {
  uint8_t code;  // DR_DTYPE_*
  uint8_t bits;
  uint16_t lanes;  // 1
} dr_dtype_t;

enum {  // DLPack's
  DR_DTYPE_INT = 0,
  DR_DTYPE_UINT = 1,
  DR_DTYPE_FLOAT = 2,
  DR_DTYPE_BFLOAT = 4,
  DR_DTYPE_BOOL = 6
};

typedef struct dr_tensor {
  void* data;
  dr_device_t device;
  int32_t ndim;
  dr_dtype_t dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; never NULL unless ndim is 0 (DLPack >= 1.2)
  uint64_t byte_offset;
} dr_tensor_t;

typedef struct dr_managed_tensor {
  uint32_t version_major;  // 1
  uint32_t version_minor;
  void* manager;
  void (*deleter)(struct dr_managed_tensor* self);
  uint64_t flags;  // bit 0: read-only
  dr_tensor_t tensor;
} dr_managed_tensor_t;

// ---- Status and levels --------------------------------------------------------------------------

typedef int32_t dr_status;
enum {
  DR_OK = 0,
  DR_CANCELLED = 1,         // stopped because cancelled() said so
  DR_INVALID_ARGUMENT = 2,  // the request is wrong; it must not be retried
  DR_DEADLINE_EXCEEDED = 3,
  DR_NOT_FOUND = 4,            // weights or a named asset are missing
  DR_RESOURCE_EXHAUSTED = 5,   // out of memory: the host may evict, shrink the batch and retry
  DR_FAILED_PRECONDITION = 6,  // wrong driver, library or weights version
  DR_UNIMPLEMENTED = 7,
  DR_INTERNAL = 8,       // a bug: this job fails, the instance goes on
  DR_INSTANCE_LOST = 9,  // the instance must be destroyed and made again
  DR_DEVICE_LOST = 10    // sticky device error: every instance on it in this process is lost
};

typedef int32_t dr_log_level;
enum { DR_LOG_DEBUG = 0, DR_LOG_INFO = 1, DR_LOG_WARNING = 2, DR_LOG_ERROR = 3 };

typedef int32_t dr_metric_kind;
enum { DR_METRIC_COUNTER = 0, DR_METRIC_GAUGE = 1, DR_METRIC_HISTOGRAM = 2 };

typedef struct dr_instance dr_instance_t;  // the plugin's
typedef struct dr_lease dr_lease_t;        // the host's
typedef struct dr_host dr_host_t;

// ---- What an instance is given ------------------------------------------------------------------

typedef struct dr_lane {
  uint32_t size;
  uint32_t max_batch;
  dr_device_t device;
  void* stream;            // cudaStream_t, or NULL on the CPU; valid until unload returns
  uint64_t memory_budget;  // bytes of device memory this instance may hold, 0: ask reserve()
} dr_lane_t;

typedef struct dr_input {
  uint32_t size;
  uint32_t flags;  // 0
  const char* name;
  const dr_tensor_t* tensor;  // read-only; ready in stream order; text and bytes are 1-D uint8
} dr_input_t;

typedef struct dr_job {
  uint32_t size;
  uint32_t input_count;
  const dr_input_t* const* inputs;
  const char* id;        // for logs
  const char* params;    // JSON, validated, defaults filled in
  uint64_t deadline_ns;  // CLOCK_MONOTONIC, 0: none
} dr_job_t;

typedef struct dr_batch {
  uint32_t size;
  uint32_t count;
  const dr_job_t* const* jobs;  // all share the manifest's batch key
} dr_batch_t;

// ---- Host services ------------------------------------------------------------------------------

// One dr_host_t per instance (and one for the plugin itself): the pointer says who is calling. It
// is valid from the call that passes it until destroy (shutdown for the plugin's own) has returned.
struct dr_host {
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t flags;       // 0
  void* context;        // the host's
  const char* version;  // "darkroom 1.4.0"

  // A struct of further services, or NULL. Valid as long as host. [any]
  const void* (*extension)(const dr_host_t* host, const char* id);

  void (*log)(const dr_host_t* host, dr_log_level level, const char* message);  // [any]

  // Words for the non-OK status that the call in progress on this thread, or the next finish() on
  // it, is about to give. Copied. [any]
  void (*set_error)(const dr_host_t* host, const char* message);

  // Defines (again) a metric of this plugin. Only inside entry and create. [control]
  dr_status (*metric_define)(const dr_host_t* host, dr_metric_kind kind, const char* name,
                             const char* help, uint32_t* metric);
  void (*metric_add)(const dr_host_t* host, uint32_t metric, double value);  // [any]

  // Asks for the right to hold `bytes` more of the lane's device memory, wherever they are then
  // allocated. The host may evict other instances first, so it can take long. [lane]
  dr_status (*reserve)(const dr_host_t* host, uint64_t bytes, dr_lease_t** lease);
  void (*release)(const dr_host_t* host, dr_lease_t* lease);  // [lane]

  // Scratch memory from the host's pools (CUDA, pinned or CPU), for plugins without an allocator of
  // their own. Freed at the latest by the host when unload has returned. [lane]
  dr_status (*alloc)(const dr_host_t* host, dr_device_t device, uint64_t bytes, void** data);
  void (*free)(const dr_host_t* host, void* data);  // [lane]

  // Non-zero once the job need not be finished: cancelled, or past its deadline. Cheap (one load):
  // ask once a denoising step or a decoded token. [any]
  int32_t (*cancelled)(const dr_host_t* host, const dr_job_t* job);
  // fraction in [0,1]; may go back. stage may be NULL. Coalesced: only the newest is sent. [any]
  void (*progress)(const dr_host_t* host, const dr_job_t* job, double fraction, const char* stage);

  // A buffer for an output, where the reply wants it (host, pinned, shared or device memory). Of
  // `like`, dtype, ndim, shape and device (a wish) are read; `out` is filled in, compact, and is
  // the host's. Write to it until finish(job). [lane]
  dr_status (*output)(const dr_host_t* host, const dr_job_t* job, const char* name,
                      const dr_tensor_t* like, dr_tensor_t* out);
  // Gives the plugin's own tensor as an output. The host calls its deleter once, on any thread,
  // before shutdown at the latest; with a status other than OK it has already done so. [lane]
  dr_status (*adopt)(const dr_host_t* host, const dr_job_t* job, const char* name,
                     dr_managed_tensor_t* tensor);
  // Ends a job of infer's, at most once; nothing of it may be used afterwards. Its outputs must be
  // ready in stream order. Jobs left open are ended with infer's own return value; where that is a
  // failure of a batch of several, each is tried alone first. [lane]
  void (*finish)(const dr_host_t* host, const dr_job_t* job, dr_status status);
};

// ---- What a plugin provides ---------------------------------------------------------------------

// create -> load -> infer* -> unload -> destroy       unload and load may alternate (eviction)
typedef struct dr_plugin {
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t flags;  // 0

  // Checks config (JSON: {name, weights, options} of the model's configuration) and makes an
  // instance; no weights are read, no device is touched. [control]
  dr_status (*create)(const dr_host_t* host, const char* config, dr_instance_t** instance);
  // Brings the model onto the lane's device, warm. [lane, !loaded]
  dr_status (*load)(dr_instance_t* instance, const dr_lane_t* lane);
  // Runs a batch; returns when every job is ended. [lane, loaded]
  dr_status (*infer)(dr_instance_t* instance, const dr_batch_t* batch);
  // Optional: a job of the running batch was cancelled; wake what blocks. Polling cancelled() is
  // enough for most. [any, during infer]
  void (*cancel)(dr_instance_t* instance, const dr_job_t* job);
  // Waits for the stream, gives back all device memory and leases, joins the instance's threads.
  // Cannot fail. Also called after a load that failed. [lane]
  void (*unload)(dr_instance_t* instance);
  void (*destroy)(dr_instance_t* instance);  // [control, !loaded]
  // Last call. After it no thread runs, and nothing points to, the plugin's code. [control]
  void (*shutdown)(void);
  // Optional: a struct of further functions, or NULL. Valid until shutdown. [any]
  const void* (*extension)(const char* id);
} dr_plugin_t;

// ---- Extension darkroom.stepwise/1 (the plugin's) -----------------------------------------------

// For jobs that are made of many like steps, such as those of a diffusion model. Between two steps
// the host may let another model have the device, take jobs out that were cancelled, and add jobs
// to those that run. The manifest names it in `extensions`; the host then calls these instead of
// infer. A plugin that has it still has infer, for hosts that do not know it.
#define DR_STEPWISE_1 "darkroom.stepwise/1"

typedef struct dr_run dr_run_t;  // the plugin's: one job between begin and end

typedef struct dr_stepwise {
  uint32_t size;
  uint32_t flags;  // 0

  // Takes a job in. It stays valid until end. [lane, loaded]
  dr_status (*begin)(dr_instance_t* instance, const dr_job_t* job, dr_run_t** run);
  // Makes the next step of each run, of up to the lane's max_batch that share the manifest's batch
  // key and may be at different steps. left[i]: how many steps runs[i] then still needs. If it
  // fails no run has moved on, and the host may try each alone. [lane, loaded]
  dr_status (*step)(dr_instance_t* instance, dr_run_t* const* runs, uint32_t count, uint32_t* left);
  // Gives the outputs (output, adopt) of a run that needs no more steps. [lane, loaded]
  dr_status (*finish)(dr_instance_t* instance, dr_run_t* run);
  // Gives back what a run holds: after finish, or instead of it. Cannot fail. [lane]
  void (*end)(dr_instance_t* instance, dr_run_t* run);
} dr_stepwise_t;

// ---- Extension darkroom.checkpoint/1 (the plugin's, beside darkroom.stepwise/1) -----------------

// A run's state as bytes, so that a job whose worker, device or machine is lost goes on at the step
// that it had reached, wherever the same plugin has the same weights. The host saves between two
// steps, and calls restore instead of begin.
#define DR_CHECKPOINT_1 "darkroom.checkpoint/1"

typedef struct dr_checkpoint {
  uint32_t size;
  uint32_t flags;  // 0

  // Hands the state over, by one or several calls of write(context, data, bytes), which copies; a
  // status that write gives other than OK is given on. The run goes on as if nothing were. [lane,
  // loaded]
  dr_status (*save)(dr_instance_t* instance, dr_run_t* run,
                    dr_status (*write)(void* context, const void* data, uint64_t bytes),
                    void* context);
  // begin of a job that has a saved state; the steps that follow give what they would have given
  // without the break. The bytes may come from anywhere: those that do not belong to this job with
  // these weights are DR_FAILED_PRECONDITION, and the host begins it anew. [lane, loaded]
  dr_status (*restore)(dr_instance_t* instance, const dr_job_t* job, const void* state,
                       uint64_t bytes, dr_run_t** run);
} dr_checkpoint_t;

// ---- Extension darkroom.preview/1 (the host's) --------------------------------------------------

// Small pictures of how far a job is, for whoever watches it. The host hands out the table by
// extension(). Showing one is never a reason to fail: what cannot be told in time is dropped.
#define DR_PREVIEW_1 "darkroom.preview/1"

// Pixels of a preview's longer side at most: it is looked at beside something else, and has to fit
// in a small message.
#define DR_PREVIEW_MAX_SIDE 512

typedef struct dr_preview {
  uint32_t size;
  uint32_t flags;  // 0

  // Non-zero if a picture of the job that is given now would be sent: somebody watches, and the
  // last one is not too recent. Cheap: ask before one is made. [any]
  int32_t (*wanted)(const dr_host_t* host, const dr_job_t* job);
  // Shows a picture: height x width x 1 to 4 channels (as of image inputs) of uint8, on the CPU,
  // DR_PREVIEW_MAX_SIDE pixels a side at most. It is copied. Unwanted ones are dropped, which is
  // DR_OK, too. [lane, loaded]
  dr_status (*show)(const dr_host_t* host, const dr_job_t* job, const dr_tensor_t* picture);
} dr_preview_t;

// The entry point: first call into the plugin, made once. Returns a static table, or NULL after
// set_error. Must be quick: no device, no file. [control]
DR_EXPORT const dr_plugin_t* darkroom_plugin_entry(const dr_host_t* host);
#define DR_ENTRY_SYMBOL "darkroom_plugin_entry"

#ifdef __cplusplus
}
#endif

#endif  // DARKROOM_PLUGIN_H_
