// SPDX-License-Identifier: Apache-2.0
//
// Nothing here is bad, but what is made of it: no_manifest has no manifest, truncated is half a
// file.

#include "bad_plugin.h"

BAD_PLUGIN()
