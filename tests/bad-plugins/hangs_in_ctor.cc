// SPDX-License-Identifier: Apache-2.0
//
// A static constructor never returns, so neither does dlopen().

#include <unistd.h>

#include "bad_plugin.h"

namespace {

struct AtStart {
  AtStart() {
    for (;;) pause();
  }
};

const AtStart kAtStart;

}  // namespace

BAD_PLUGIN()
