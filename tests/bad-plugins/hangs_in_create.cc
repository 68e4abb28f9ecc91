// SPDX-License-Identifier: Apache-2.0
//
// Never comes back when it is to make an instance.

#include <unistd.h>

#include "bad_plugin.h"

namespace {

[[noreturn]] void Create() {
  while (true) pause();
}

}  // namespace

BAD_PLUGIN(.create = Create)
