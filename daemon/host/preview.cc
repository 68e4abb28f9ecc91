// SPDX-License-Identifier: Apache-2.0

#include "host/preview.h"

#include <new>
#include <string>
#include <utility>

#include "host/host_api.h"
#include "host/image.h"
#include "host/jpeg_codec.h"
#include "host/tensor.h"

namespace darkroom::host {
namespace {

// Tried one after the other until the picture is small enough. The first shows all that there is to
// see of a picture that is not done; the last is for noise of the largest size.
constexpr int kQualities[] = {80, 50, 20};

std::string ShapeText(const dr_tensor_t& tensor) {
  std::string text = "[";
  for (int32_t i = 0; i < tensor.ndim && i < kMaxDims; ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(tensor.shape[i]);
  }
  return text + "]";
}

}  // namespace

Status CheckPreview(const dr_tensor_t& picture) {
  if (picture.device.type != DR_DEVICE_CPU && picture.device.type != DR_DEVICE_CUDA_HOST) {
    return Status::Internal("gave a preview on device type " + std::to_string(picture.device.type) +
                            ", it must be on the CPU");
  }
  if (!SameDtype(picture.dtype, kUint8)) {
    const auto name = DtypeName(picture.dtype);
    return Status::Internal("gave a preview of " + std::string(name.value_or("an unknown dtype")) +
                            ", it must be uint8");
  }
  if (picture.data == nullptr || picture.ndim != 3 || picture.shape == nullptr ||
      picture.strides == nullptr) {
    return Status::Internal(
        "gave a preview that is not a tensor of height x width x channels with data and strides");
  }
  const auto is_side = [](int64_t side) { return side >= 1 && side <= DR_PREVIEW_MAX_SIDE; };
  if (!is_side(picture.shape[0]) || !is_side(picture.shape[1]) || picture.shape[2] < 1 ||
      picture.shape[2] > 4) {
    return Status::Internal("gave a preview of the shape " + ShapeText(picture) +
                            ", it must be height x width x 1 to 4 channels with " +
                            std::to_string(DR_PREVIEW_MAX_SIDE) + " pixels a side at most");
  }
  return Status::Ok();
}

Buffer EncodePreview(const dr_tensor_t& picture) {
  try {
    Image image =
        MakeImage(static_cast<uint32_t>(picture.shape[1]), static_cast<uint32_t>(picture.shape[0]),
                  static_cast<uint32_t>(picture.shape[2]));
    CopyCompact(picture, image.pixels.data());
    for (const int quality : kQualities) {
      Result<Buffer> jpeg = EncodeJpeg(image.view(), quality);
      if (jpeg.ok() && jpeg->size() <= kMostPreviewBytes) return *std::move(jpeg);
    }
  } catch (const std::bad_alloc&) {
    return {};
  }
  return {};
}

}  // namespace darkroom::host
