// SPDX-License-Identifier: Apache-2.0

#include "host/job_outputs.h"

#include <string>
#include <utility>

#include "host/encode_image.h"
#include "host/lane_memory.h"
#include "host/tensor.h"

namespace darkroom::host {
namespace {

// Nothing larger can be replied or stored, and a plugin that asks for more has miscounted.
constexpr uint64_t kMaxOutputBytes = uint64_t{4} << 30;

// Smaller pictures are encoded in about the time that it takes to wake a thread.
constexpr uint64_t kPictureBytes = uint64_t{32} << 10;

void Delete(dr_managed_tensor_t* tensor) {
  if (tensor != nullptr && tensor->deleter != nullptr) tensor->deleter(tensor);
}

// What a Buffer owns whose bytes are a plugin's tensor.
struct Handed {
  dr_managed_tensor_t* tensor;
  std::shared_ptr<Module> module;

  static void Release(void* owner) {
    const std::unique_ptr<Handed> self(static_cast<Handed*>(owner));
    Delete(self->tensor);
  }
};

OutputKind KindOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kImage:
    case ValueKind::kMask:
      return OutputKind::kImage;
    case ValueKind::kText:
      return OutputKind::kText;
    case ValueKind::kTensor:
      return OutputKind::kTensor;
    case ValueKind::kBytes:
      break;
  }
  return OutputKind::kBytes;
}

bool IsImageShape(ValueKind kind, int32_t ndim, const int64_t* shape) {
  if (kind == ValueKind::kMask && ndim == 2) return shape[0] > 0 && shape[1] > 0;
  return ndim == 3 && shape[0] > 0 && shape[1] > 0 && shape[2] >= 1 && shape[2] <= 4 &&
         shape[0] <= UINT32_MAX && shape[1] <= UINT32_MAX;
}

// Whether an output's dtype and shape are what its kind in the manifest promises.
Status CheckKind(const ValueInfo& info, const dr_tensor_t& tensor) {
  const std::string name = "the output \"" + info.name + "\"";
  const bool image = IsPicture(info.kind);
  std::string_view dtype = info.dtype;
  if (info.kind != ValueKind::kTensor) dtype = "uint8";
  const std::string_view given = DtypeName(tensor.dtype).value_or("unknown");
  if (!dtype.empty() && dtype != given) {
    return Status::Internal("gave " + name + " as " + std::string(given) + ", it must be " +
                            std::string(dtype));
  }
  if (image && !IsImageShape(info.kind, tensor.ndim, tensor.shape)) {
    return Status::Internal("gave " + name +
                            " in a shape that is no image: height, width and 1 to 4 channels");
  }
  if (info.kind == ValueKind::kText && tensor.ndim != 1) {
    return Status::Internal("gave " + name + " with " + std::to_string(tensor.ndim) +
                            " dimensions, text has one");
  }
  return Status::Ok();
}

}  // namespace

struct JobOutputs::Entry {
  bool given = false;
  uint64_t bytes = 0;
  dr_dtype_t dtype{};
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  const std::byte* data = nullptr;
  Buffer buffer;                           // of the host's memory
  dr_managed_tensor_t* managed = nullptr;  // of the plugin's
};

JobOutputs::JobOutputs(std::shared_ptr<Module> module, const ModelInfo& info)
    : module_(std::move(module)), info_(info), entries_(info.outputs.size()) {}

JobOutputs::~JobOutputs() { Clear(); }

Result<JobOutputs::Entry*> JobOutputs::Check(std::string_view name, const dr_tensor_t& tensor) {
  const ValueInfo* output = info_.FindOutput(name);
  if (output == nullptr) {
    return Status::Internal("gave an output \"" + std::string(name.substr(0, 64)) +
                            "\", which its manifest does not name");
  }
  Entry& entry = entries_[static_cast<size_t>(output - info_.outputs.data())];
  if (entry.given) return Status::Internal("gave the output \"" + output->name + "\" twice");
  Result<uint64_t> bytes = TensorBytes(tensor.dtype, tensor.ndim, tensor.shape);
  if (!bytes.ok()) return bytes.status();
  if (*bytes > kMaxOutputBytes) {
    return Status::ResourceExhausted("the output \"" + output->name + "\" of " +
                                     std::to_string(*bytes) + " bytes exceeds the limit of " +
                                     std::to_string(kMaxOutputBytes));
  }
  if (Status status = CheckKind(*output, tensor); !status.ok()) return status;
  entry.bytes = *bytes;
  entry.dtype = tensor.dtype;
  entry.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
  return &entry;
}

Status JobOutputs::Allocate(std::string_view name, const dr_tensor_t& like, OutputMemory* memory,
                            dr_tensor_t* out) {
  Result<Entry*> checked = Check(name, like);
  if (!checked.ok()) return checked.status();
  Entry& entry = **checked;
  const ValueInfo& info = *info_.FindOutput(name);
  const bool encoded = KindOf(info.kind) == OutputKind::kImage;
  void* data = nullptr;
  if (memory != nullptr && !encoded) data = memory->Allocate(entry.bytes);
  if (data != nullptr) {
    entry.buffer = Buffer::Adopt(data, entry.bytes, nullptr, nullptr);
  } else {
    data = AllocateAligned(entry.bytes);
    if (data == nullptr) {
      return Status::ResourceExhausted("no host memory for an output of " +
                                       std::to_string(entry.bytes) + " bytes");
    }
    entry.buffer = Buffer::Adopt(data, entry.bytes, data, FreeAligned);
  }
  entry.data = entry.buffer.data();
  entry.given = true;
  FillStrides(entry.shape, &entry.strides);
  *out = {data, kCpuDevice, like.ndim, like.dtype, entry.shape.data(), entry.strides.data(), 0};
  return Status::Ok();
}

Status JobOutputs::Adopt(std::string_view name, dr_managed_tensor_t* tensor) {
  std::unique_ptr<dr_managed_tensor_t, decltype(&Delete)> owner(tensor, Delete);
  if (tensor->version_major != 1) {
    return Status(Code::kUnimplemented, "a tensor of version " +
                                            std::to_string(tensor->version_major) +
                                            " was adopted, this host knows version 1");
  }
  const dr_tensor_t& view = tensor->tensor;
  if (view.device.type != DR_DEVICE_CPU && view.device.type != DR_DEVICE_CUDA_HOST) {
    return Status(Code::kUnimplemented, "an output on device type " +
                                            std::to_string(view.device.type) +
                                            " cannot be adopted: copy it to the CPU first");
  }
  Result<Entry*> checked = Check(name, view);
  if (!checked.ok()) return checked.status();
  Entry& entry = **checked;
  if (view.data == nullptr && entry.bytes > 0) {
    return Status::Internal("gave the output \"" + std::string(name) + "\" without memory");
  }
  if (IsCompact(view)) {
    entry.data = TensorData(view);
    entry.managed = owner.release();
  } else {
    void* data = AllocateAligned(entry.bytes);
    if (data == nullptr) {
      return Status::ResourceExhausted("no host memory for an output of " +
                                       std::to_string(entry.bytes) + " bytes");
    }
    entry.buffer = Buffer::Adopt(data, entry.bytes, data, FreeAligned);
    CopyCompact(view, entry.buffer.data());
    entry.data = entry.buffer.data();
  }
  entry.given = true;
  return Status::Ok();
}

Result<Output> JobOutputs::EncodeOne(const ValueInfo& info, Entry* entry, const OutputForm& form,
                                     Bytes icc) {
  Output output;
  output.name = info.name;
  output.kind = KindOf(info.kind);
  if (output.kind == OutputKind::kImage) {
    const ImageView view = {static_cast<uint32_t>(entry->shape[1]),
                            static_cast<uint32_t>(entry->shape[0]),
                            entry->shape.size() == 3 ? static_cast<uint32_t>(entry->shape[2]) : 1U,
                            {entry->data, entry->bytes},
                            icc};
    Result<EncodedImage> encoded = EncodeImage(view, form);
    if (!encoded.ok()) {
      return encoded.status().Annotated("the output \"" + info.name + "\"");
    }
    output.content_type = ContentType(encoded->format);
    output.bytes = std::move(encoded->bytes);
    output.shape = {view.height, view.width, view.channels};
    return output;
  }
  output.content_type =
      output.kind == OutputKind::kText ? "text/plain; charset=utf-8" : "application/octet-stream";
  if (output.kind == OutputKind::kTensor) {
    output.dtype = DtypeName(entry->dtype).value_or("uint8");
    output.shape = entry->shape;
  }
  if (entry->managed != nullptr) {
    auto* handed = new Handed{std::exchange(entry->managed, nullptr), module_};
    output.bytes =
        Buffer::Adopt(const_cast<std::byte*>(entry->data), entry->bytes, handed, Handed::Release);
  } else {
    output.bytes = std::move(entry->buffer);
  }
  return output;
}

const ValueInfo* JobOutputs::Missing() const {
  const std::vector<ValueInfo>& infos = info_.outputs;
  bool any = false;
  for (size_t i = 0; i < infos.size(); ++i) {
    if (!entries_[i].given && !infos[i].optional) return &infos[i];
    any = any || entries_[i].given;
  }
  return any || infos.empty() ? nullptr : &infos.front();
}

bool JobOutputs::HavePictures() const {
  const std::vector<ValueInfo>& infos = info_.outputs;
  for (size_t i = 0; i < infos.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.given && entry.bytes >= kPictureBytes && IsPicture(infos[i].kind)) return true;
  }
  return false;
}

Result<std::vector<Output>> JobOutputs::Encode(const OutputForm& form, Bytes icc) {
  const std::vector<ValueInfo>& infos = info_.outputs;
  std::vector<Output> outputs;
  outputs.reserve(infos.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    if (!entries_[i].given) continue;
    Result<Output> output = EncodeOne(infos[i], &entries_[i], form, icc);
    if (!output.ok()) return output.status();
    outputs.push_back(*std::move(output));
  }
  return outputs;
}

void JobOutputs::Clear() {
  for (Entry& entry : entries_) {
    if (!entry.given) continue;
    Delete(std::exchange(entry.managed, nullptr));
    entry.buffer = Buffer();
    entry.data = nullptr;
    entry.given = false;
  }
}

}  // namespace darkroom::host
