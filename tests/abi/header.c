// SPDX-License-Identifier: Apache-2.0
//
// plugin.h alone, first in its unit, in one C standard or one of C++: the smallest use of every
// macro must pass with all warnings as errors. The build names the standard and the function, which
// gives the sizes of the structs as this standard sees them.

#include <darkroom/plugin.h>

#if !defined(__STDC_VERSION__) || __STDC_VERSION__ >= 201112L
#include "layout_1_0.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif
const size_t* SIZES_FUNCTION(void);
int HAS_FINISH_FUNCTION(const dr_host_t* host);
#ifdef __cplusplus
}
#endif

DR_MANIFEST("{\"id\": \"header\"}");

const size_t* SIZES_FUNCTION(void) {
  static const size_t kSizes[] = {
      sizeof(dr_manifest_t), sizeof(dr_tensor_t),  sizeof(dr_managed_tensor_t), sizeof(dr_lane_t),
      sizeof(dr_input_t),    sizeof(dr_job_t),     sizeof(dr_batch_t),          sizeof(dr_host_t),
      sizeof(dr_plugin_t),   sizeof(dr_preview_t), sizeof(dr_manifest_v1)};
  return kSizes;
}

int HAS_FINISH_FUNCTION(const dr_host_t* host) { return DR_HAS(host, dr_host_t, finish); }
