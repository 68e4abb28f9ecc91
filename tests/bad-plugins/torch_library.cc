// SPDX-License-Identifier: Apache-2.0
//
// Registers operators with libtorch under a name that a process can have once: opening the next
// version beside it throws in a static constructor, which ends the process. Its manifest says that
// it can be taken out.

#include <torch/library.h>

#include "bad_plugin.h"

namespace {

at::Tensor Copy(const at::Tensor& tensor) { return tensor.clone(); }

}  // namespace

TORCH_LIBRARY(darkroom_bad, library) {
  library.def("copy(Tensor tensor) -> Tensor");
  library.impl("copy", c10::DispatchKey::CPU, &Copy);
}

BAD_PLUGIN()
