// SPDX-License-Identifier: Apache-2.0
//
// A static constructor aborts, inside dlopen().

#include <cstdlib>

#include "bad_plugin.h"

namespace {

struct AtStart {
  AtStart() { std::abort(); }
};

const AtStart kAtStart;

}  // namespace

BAD_PLUGIN()
