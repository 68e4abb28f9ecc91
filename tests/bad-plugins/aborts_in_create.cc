// SPDX-License-Identifier: Apache-2.0
//
// Aborts when it is to make an instance.

#include <cstdlib>

#include "bad_plugin.h"

namespace {

void Create() { std::abort(); }

}  // namespace

BAD_PLUGIN(.create = Create)
