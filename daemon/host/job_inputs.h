// SPDX-License-Identifier: Apache-2.0
//
// A job's inputs as its plugin sees them: images and masks decoded, text, bytes and tensors where
// the requester's bytes already lie, without a copy.
//
// Belongs to a JobRun and is reused from job to job, so that small jobs allocate nothing here. For
// the thread that has the JobRun.

#ifndef DARKROOM_HOST_JOB_INPUTS_H_
#define DARKROOM_HOST_JOB_INPUTS_H_

#include <darkroom/plugin.h>

#include <array>
#include <vector>

#include "core/model_info.h"
#include "core/status.h"
#include "host/host_api.h"
#include "host/image.h"
#include "host/image_limits.h"
#include "host/tensor.h"

namespace darkroom::host {

class JobInputs {
 public:
  // Prepares what the manifest asks for from `inputs`, which stay until Clear. Inputs come in the
  // manifest's order.
  Status Prepare(const ModelInfo& info, const std::vector<JobInput>& inputs,
                 const ImageLimits& limits);

  // Whether there are pictures among them that take longer to decode than to hand to another
  // thread.
  static bool HavePictures(const ModelInfo& info, const std::vector<JobInput>& inputs);

  // For dr_job_t; valid until Clear or the next Prepare.
  const dr_input_t* const* list() const { return list_.data(); }
  uint32_t count() const { return static_cast<uint32_t>(list_.size()); }

  // The colour profile of the first image that had one, to go with the images that come out.
  Bytes icc() const { return icc_; }

  void Clear();

 private:
  struct Entry {
    dr_input_t abi{};
    dr_tensor_t tensor{};
    std::array<int64_t, kMaxDims> shape{};
    std::array<int64_t, kMaxDims> strides{};
    Image image;   // of an image or mask
    Buffer bytes;  // of a tensor whose elements came unaligned
  };

  Status PrepareOne(const ValueInfo& info, const JobInput& input, const ImageLimits& limits,
                    Entry* entry);
  Status PrepareImage(bool mask, const JobInput& input, const ImageLimits& limits, Entry* entry);
  static Status PrepareTensor(const ValueInfo& info, const JobInput& input, Entry* entry);

  std::vector<Entry> entries_;  // grows to the manifest's inputs once; the list points into it
  std::vector<const dr_input_t*> list_;
  Bytes icc_;
};

}  // namespace darkroom::host

#endif  // DARKROOM_HOST_JOB_INPUTS_H_
