// SPDX-License-Identifier: Apache-2.0

#include "host/job_inputs.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "host/decode_image.h"

namespace darkroom::host {
namespace {

// Smaller ones are decoded in about the time that it takes to wake a thread.
constexpr size_t kPictureBytes = size_t{8} << 10;

const JobInput* Find(const std::vector<JobInput>& inputs, const std::string& name) {
  for (const JobInput& input : inputs) {
    if (input.name == name) return &input;
  }
  return nullptr;
}

void SetShape(const int64_t* shape, int32_t ndim, int64_t* shape_out, int64_t* strides_out) {
  int64_t step = 1;
  for (int32_t i = ndim - 1; i >= 0; --i) {
    shape_out[i] = shape[i];
    strides_out[i] = step;
    step *= shape[i] > 0 ? shape[i] : 1;
  }
}

// One channel of light and dark from what may be grey or colour; alpha is left out. The weights are
// BT.601's, in 1/256.
Image ToMask(Image image) {
  if (image.channels == 1) return image;
  Image mask = MakeImage(image.width, image.height, 1);
  const auto* from = reinterpret_cast<const uint8_t*>(image.pixels.data());
  auto* to = reinterpret_cast<uint8_t*>(mask.pixels.data());
  const size_t pixels = mask.pixels.size();
  for (size_t i = 0; i < pixels; ++i, from += image.channels) {
    to[i] =
        image.channels == 2
            ? from[0]
            : static_cast<uint8_t>((77U * from[0] + 150U * from[1] + 29U * from[2] + 128U) >> 8U);
  }
  return mask;
}

// The manifest's shape with its one open length filled in from the number of elements. No shape:
// one dimension.
Status FillShape(const ValueInfo& info, uint64_t elements, std::vector<int64_t>* shape) {
  *shape = info.shape;
  if (shape->empty()) shape->push_back(-1);
  uint64_t known = 1;
  int64_t* open = nullptr;
  for (int64_t& length : *shape) {
    if (length >= 0) {
      if (__builtin_mul_overflow(known, static_cast<uint64_t>(length), &known)) known = UINT64_MAX;
    } else if (open == nullptr) {
      open = &length;
    } else {
      return Status(Code::kUnimplemented,
                    "the input \"" + info.name + "\" has more than one open length");
    }
  }
  const bool fits = open == nullptr ? known == elements : known > 0 && elements % known == 0;
  if (!fits) {
    return Status::InvalidArgument("the input \"" + info.name + "\" has " +
                                   std::to_string(elements) +
                                   " elements, which do not fit its shape");
  }
  if (open != nullptr) *open = static_cast<int64_t>(elements / known);
  return Status::Ok();
}

}  // namespace

bool JobInputs::HavePictures(const ModelInfo& info, const std::vector<JobInput>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(), [&info](const JobInput& input) {
    if (input.bytes.size() < kPictureBytes) return false;
    const ValueInfo* const wanted = info.FindInput(input.name);
    return wanted != nullptr && IsPicture(wanted->kind);
  });
}

Status JobInputs::Prepare(const ModelInfo& info, const std::vector<JobInput>& inputs,
                          const ImageLimits& limits) {
  if (entries_.size() < info.inputs.size()) entries_ = std::vector<Entry>(info.inputs.size());
  list_.clear();
  for (size_t i = 0; i < info.inputs.size(); ++i) {
    const ValueInfo& wanted = info.inputs[i];
    const JobInput* input = Find(inputs, wanted.name);
    if (input == nullptr) {
      if (wanted.optional) continue;
      return Status::InvalidArgument("the input \"" + wanted.name + "\" is missing");
    }
    Entry& entry = entries_[i];
    if (Status status = PrepareOne(wanted, *input, limits, &entry); !status.ok()) return status;
    entry.abi.size = sizeof(dr_input_t);
    entry.abi.name = wanted.name.c_str();
    entry.abi.tensor = &entry.tensor;
    list_.push_back(&entry.abi);
  }
  if (list_.size() == inputs.size()) return Status::Ok();
  for (const JobInput& input : inputs) {
    if (info.FindInput(input.name) == nullptr) {
      return Status::InvalidArgument("this model has no input \"" + input.name + "\"");
    }
  }
  return Status::InvalidArgument("an input is given twice");
}

Status JobInputs::PrepareOne(const ValueInfo& info, const JobInput& input,
                             const ImageLimits& limits, Entry* entry) {
  if (input.bytes.size() > limits.max_input_bytes) {
    return Status(Code::kTooLarge,
                  "the input \"" + info.name + "\" has " + std::to_string(input.bytes.size()) +
                      " bytes, the limit is " + std::to_string(limits.max_input_bytes));
  }
  entry->tensor.device = kCpuDevice;
  entry->tensor.dtype = kUint8;
  entry->tensor.byte_offset = 0;
  entry->tensor.shape = entry->shape.data();
  entry->tensor.strides = entry->strides.data();
  switch (info.kind) {
    case ValueKind::kImage:
    case ValueKind::kMask:
      return PrepareImage(info.kind == ValueKind::kMask, input, limits, entry)
          .Annotated("the input \"" + info.name + "\"");
    case ValueKind::kTensor:
      return PrepareTensor(info, input, entry);
    case ValueKind::kText:
    case ValueKind::kBytes:
      break;
  }
  // Read-only by the ABI's word; its tensor type has no const.
  entry->tensor.data = const_cast<std::byte*>(input.bytes.data());
  entry->tensor.ndim = 1;
  entry->shape[0] = static_cast<int64_t>(input.bytes.size());
  entry->strides[0] = 1;
  return Status::Ok();
}

Status JobInputs::PrepareImage(bool mask, const JobInput& input, const ImageLimits& limits,
                               Entry* entry) {
  Result<Image> decoded = DecodeImage(input.bytes, limits);
  if (!decoded.ok()) return decoded.status();
  entry->image = mask ? ToMask(*std::move(decoded)) : *std::move(decoded);
  const Image& image = entry->image;
  if (!mask && icc_.empty()) icc_ = image.icc.bytes();
  const std::array<int64_t, 3> shape = {image.height, image.width, image.channels};
  SetShape(shape.data(), 3, entry->shape.data(), entry->strides.data());
  entry->tensor.data = entry->image.pixels.data();
  entry->tensor.ndim = 3;
  return Status::Ok();
}

Status JobInputs::PrepareTensor(const ValueInfo& info, const JobInput& input, Entry* entry) {
  const std::optional<dr_dtype_t> dtype = DtypeFromName(info.dtype.empty() ? "uint8" : info.dtype);
  if (!dtype) {
    return Status::FailedPrecondition("the manifest's dtype \"" + info.dtype + "\" is not known");
  }
  const size_t size = ElementSize(*dtype);
  if (input.bytes.size() % size != 0) {
    return Status::InvalidArgument("the input \"" + info.name + "\" has " +
                                   std::to_string(input.bytes.size()) +
                                   " bytes, no whole number of " + info.dtype + " elements");
  }
  std::vector<int64_t> shape;
  if (Status s = FillShape(info, input.bytes.size() / size, &shape); !s.ok()) return s;
  entry->tensor.dtype = *dtype;
  entry->tensor.ndim = static_cast<int32_t>(shape.size());
  SetShape(shape.data(), entry->tensor.ndim, entry->shape.data(), entry->strides.data());
  entry->tensor.data = const_cast<std::byte*>(input.bytes.data());
  if (reinterpret_cast<uintptr_t>(input.bytes.data()) % size != 0) {
    entry->bytes = Buffer::Copy(input.bytes);
    entry->tensor.data = entry->bytes.data();
  }
  return Status::Ok();
}

void JobInputs::Clear() {
  for (Entry& entry : entries_) {
    entry.image = Image();
    entry.bytes = Buffer();
  }
  list_.clear();
  icc_ = {};
}

}  // namespace darkroom::host
