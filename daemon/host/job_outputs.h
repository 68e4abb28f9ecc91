// SPDX-License-Identifier: Apache-2.0
//
// A job's outputs on their way from the plugin to the reply: memory that the host gave (output) or
// a tensor that the plugin gave (adopt), checked against the manifest, then encoded. Images are
// encoded from where they lie; text, bytes and tensors go on as they are, without a copy.
//
// Belongs to a JobRun and is reused from job to job. For the thread that has the JobRun; but a
// tensor that went on inside a Buffer is given back on whatever thread destroys that.

#ifndef DARKROOM_HOST_JOB_OUTPUTS_H_
#define DARKROOM_HOST_JOB_OUTPUTS_H_

#include <darkroom/plugin.h>

#include <memory>
#include <string_view>
#include <vector>

#include "core/model_info.h"
#include "core/status.h"
#include "host/host_api.h"
#include "host/module.h"

namespace darkroom::host {

class JobOutputs {
 public:
  // `module` is the plugin whose outputs these are; a Buffer that holds a tensor of the plugin's
  // keeps it open. `info`, which must outlive this, says which there are.
  JobOutputs(std::shared_ptr<Module> module, const ModelInfo& info);
  JobOutputs(const JobOutputs&) = delete;
  JobOutputs& operator=(const JobOutputs&) = delete;
  ~JobOutputs();

  // These fail with kInternal if the plugin broke a rule; the message then says which ("gave ...").
  // Other codes are kResourceExhausted and kUnimplemented.
  // `memory` may be nullptr; it is asked for what goes to the reply as it is.
  Status Allocate(std::string_view name, const dr_tensor_t& like, OutputMemory* memory,
                  dr_tensor_t* out);
  // Takes `tensor` over, also when it fails.
  Status Adopt(std::string_view name, dr_managed_tensor_t* tensor);

  // The first required output that was not given; where none is required and none was given, the
  // first of all; or nullptr.
  const ValueInfo* Missing() const;

  // Whether there are pictures among them that take longer to encode than to hand to another
  // thread.
  bool HavePictures() const;

  // All that were given, in the manifest's order, in the form asked for. `icc` is a colour profile
  // for images.
  Result<std::vector<Output>> Encode(const OutputForm& form, Bytes icc);

  // Gives back what is left.
  void Clear();

 private:
  struct Entry;

  Result<Entry*> Check(std::string_view name, const dr_tensor_t& tensor);
  Result<Output> EncodeOne(const ValueInfo& info, Entry* entry, const OutputForm& form, Bytes icc);

  std::shared_ptr<Module> module_;
  const ModelInfo& info_;
  std::vector<Entry> entries_;  // one for each of its outputs
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_JOB_OUTPUTS_H_
