// SPDX-License-Identifier: Apache-2.0
//
// Its entry returns no table, and gives no words for that.

#include "bad_plugin.h"

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) { return nullptr; }
