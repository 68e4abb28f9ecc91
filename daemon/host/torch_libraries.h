// SPDX-License-Identifier: Apache-2.0
//
// Opens libtorch ahead of the plugins that use it. Two reasons: a plugin finds by SONAME what is
// already open, so that a bundle finds libtorch in the folder it was told; and libtorch_cuda must
// be open before libtorch is first called, since libtorch looks for it once and then believes for
// good that there is no CUDA.
//
// Control thread only. libtorch is never closed: it cannot be.

#ifndef DARKROOM_HOST_TORCH_LIBRARIES_H_
#define DARKROOM_HOST_TORCH_LIBRARIES_H_

#include <string>

#include "core/model_info.h"
#include "core/status.h"
#include "host/host_api.h"

namespace darkroom::host {

class TorchLibraries {
 public:
  // `folder` holds libtorch_cpu.so, or is empty: then plugins find libtorch by themselves. `cuda`:
  // this process works for a device of that kind. Without, libtorch is never to see its CUDA half,
  // which takes host memory and time.
  TorchLibraries(std::string folder, bool cuda);

  // To be called before the plugin is opened. A library that cannot be opened is no error yet: the
  // plugin's own opening tells, or its use of CUDA does.
  void Prepare(const ModelInfo& info);

  // Why a plugin that uses libtorch has no CUDA here, and what to do; OK if nothing speaks against
  // it.
  const Status& cuda_trouble() const { return cuda_trouble_; }
  // The same for libtorch itself; empty if it is open.
  const std::string& trouble() const { return trouble_; }

 private:
  const std::string folder_;
  const bool cuda_;
  bool opened_ = false;
  Status cuda_trouble_;
  std::string trouble_;
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_TORCH_LIBRARIES_H_
