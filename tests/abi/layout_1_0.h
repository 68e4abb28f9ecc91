// SPDX-License-Identifier: Apache-2.0
//
// Every size and offset of ABI 1.0 on 64-bit machines, for C11 and for C++. Plugins built against
// 1.0 rely on these numbers for as long as the major version is 1: a line here is never changed,
// and a newer minor adds a file of its own for what it appends.

#ifndef DARKROOM_TESTS_ABI_LAYOUT_1_0_H_
#define DARKROOM_TESTS_ABI_LAYOUT_1_0_H_

#include <assert.h>
#include <darkroom/plugin.h>
#include <darkroom/sim.h>
#include <stddef.h>

#define AT(type, field, offset) \
  static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#define SIZE(type, bytes) static_assert(sizeof(type) >= (bytes), #type " has shrunk")
#define EXACT(type, bytes) static_assert(sizeof(type) == (bytes), #type " has another size")

EXACT(dr_manifest_t, 24);
AT(dr_manifest_t, magic, 0);
AT(dr_manifest_t, size, 8);
AT(dr_manifest_t, abi_major, 12);
AT(dr_manifest_t, abi_minor, 16);
AT(dr_manifest_t, json_size, 20);

EXACT(dr_device_t, 8);
AT(dr_device_t, type, 0);
AT(dr_device_t, id, 4);

EXACT(dr_dtype_t, 4);
AT(dr_dtype_t, code, 0);
AT(dr_dtype_t, bits, 1);
AT(dr_dtype_t, lanes, 2);

EXACT(dr_tensor_t, 48);
AT(dr_tensor_t, data, 0);
AT(dr_tensor_t, device, 8);
AT(dr_tensor_t, ndim, 16);
AT(dr_tensor_t, dtype, 20);
AT(dr_tensor_t, shape, 24);
AT(dr_tensor_t, strides, 32);
AT(dr_tensor_t, byte_offset, 40);

EXACT(dr_managed_tensor_t, 80);
AT(dr_managed_tensor_t, version_major, 0);
AT(dr_managed_tensor_t, version_minor, 4);
AT(dr_managed_tensor_t, manager, 8);
AT(dr_managed_tensor_t, deleter, 16);
AT(dr_managed_tensor_t, flags, 24);
AT(dr_managed_tensor_t, tensor, 32);

EXACT(dr_status, 4);
EXACT(dr_log_level, 4);
EXACT(dr_metric_kind, 4);

SIZE(dr_lane_t, 32);
AT(dr_lane_t, size, 0);
AT(dr_lane_t, max_batch, 4);
AT(dr_lane_t, device, 8);
AT(dr_lane_t, stream, 16);
AT(dr_lane_t, memory_budget, 24);

SIZE(dr_input_t, 24);
AT(dr_input_t, size, 0);
AT(dr_input_t, flags, 4);
AT(dr_input_t, name, 8);
AT(dr_input_t, tensor, 16);

SIZE(dr_job_t, 40);
AT(dr_job_t, size, 0);
AT(dr_job_t, input_count, 4);
AT(dr_job_t, inputs, 8);
AT(dr_job_t, id, 16);
AT(dr_job_t, params, 24);
AT(dr_job_t, deadline_ns, 32);

SIZE(dr_batch_t, 16);
AT(dr_batch_t, size, 0);
AT(dr_batch_t, count, 4);
AT(dr_batch_t, jobs, 8);

SIZE(dr_host_t, 144);
AT(dr_host_t, size, 0);
AT(dr_host_t, abi_major, 4);
AT(dr_host_t, abi_minor, 8);
AT(dr_host_t, flags, 12);
AT(dr_host_t, context, 16);
AT(dr_host_t, version, 24);
AT(dr_host_t, extension, 32);
AT(dr_host_t, log, 40);
AT(dr_host_t, set_error, 48);
AT(dr_host_t, metric_define, 56);
AT(dr_host_t, metric_add, 64);
AT(dr_host_t, reserve, 72);
AT(dr_host_t, release, 80);
AT(dr_host_t, alloc, 88);
AT(dr_host_t, free, 96);
AT(dr_host_t, cancelled, 104);
AT(dr_host_t, progress, 112);
AT(dr_host_t, output, 120);
AT(dr_host_t, adopt, 128);
AT(dr_host_t, finish, 136);

SIZE(dr_plugin_t, 80);
AT(dr_plugin_t, size, 0);
AT(dr_plugin_t, abi_major, 4);
AT(dr_plugin_t, abi_minor, 8);
AT(dr_plugin_t, flags, 12);
AT(dr_plugin_t, create, 16);
AT(dr_plugin_t, load, 24);
AT(dr_plugin_t, infer, 32);
AT(dr_plugin_t, cancel, 40);
AT(dr_plugin_t, unload, 48);
AT(dr_plugin_t, destroy, 56);
AT(dr_plugin_t, shutdown, 64);
AT(dr_plugin_t, extension, 72);

SIZE(dr_sim_t, 16);  // of darkroom.sim/1
AT(dr_sim_t, size, 0);
AT(dr_sim_t, index, 4);
AT(dr_sim_t, speed, 8);

SIZE(dr_preview_t, 24);  // of darkroom.preview/1
AT(dr_preview_t, size, 0);
AT(dr_preview_t, flags, 4);
AT(dr_preview_t, wanted, 8);
AT(dr_preview_t, show, 16);
static_assert(DR_PREVIEW_MAX_SIDE == 512, "plugins were built with the side of 1.0");

static_assert(DR_ABI_MAJOR == 1, "a new major has a layout file of its own");
static_assert(DR_OK == 0 && DR_CANCELLED == 1 && DR_INVALID_ARGUMENT == 2 &&
                  DR_DEADLINE_EXCEEDED == 3 && DR_NOT_FOUND == 4 && DR_RESOURCE_EXHAUSTED == 5 &&
                  DR_FAILED_PRECONDITION == 6 && DR_UNIMPLEMENTED == 7 && DR_INTERNAL == 8 &&
                  DR_INSTANCE_LOST == 9 && DR_DEVICE_LOST == 10,
              "a status has another number");
static_assert(DR_LOG_DEBUG == 0 && DR_LOG_INFO == 1 && DR_LOG_WARNING == 2 && DR_LOG_ERROR == 3,
              "a log level has another number");
static_assert(DR_METRIC_COUNTER == 0 && DR_METRIC_GAUGE == 1 && DR_METRIC_HISTOGRAM == 2,
              "a kind of metric has another number");

#undef AT
#undef SIZE
#undef EXACT

#endif  // DARKROOM_TESTS_ABI_LAYOUT_1_0_H_
