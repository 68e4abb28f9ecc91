// SPDX-License-Identifier: Apache-2.0
//
// A static constructor throws, inside dlopen(), where nobody can catch it.

#include <stdexcept>

#include "bad_plugin.h"

namespace {

struct AtStart {
  AtStart() { throw std::runtime_error("no such thing"); }
};

const AtStart kAtStart;

}  // namespace

BAD_PLUGIN()
