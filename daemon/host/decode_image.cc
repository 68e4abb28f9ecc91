// SPDX-License-Identifier: Apache-2.0

#include "host/decode_image.h"

#include <new>
#include <utility>

#include "host/image_probe.h"
#include "host/jpeg_codec.h"
#include "host/orient.h"
#include "host/png_codec.h"
#include "host/webp_codec.h"

namespace darkroom::host {
namespace {

Result<Image> Decode(ImageFormat format, Bytes bytes, const ImageLimits& limits) {
  switch (format) {
    case ImageFormat::kJpeg:
      return DecodeJpeg(bytes, limits);
    case ImageFormat::kPng:
      return DecodePng(bytes, limits);
    case ImageFormat::kWebp:
      return DecodeWebp(bytes, limits);
  }
  return Status::Internal("an image format without a decoder");
}

}  // namespace

Result<Image> DecodeImage(Bytes bytes, const ImageLimits& limits) {
  if (Status status = CheckInputSize(bytes.size(), limits); !status.ok()) return status;
  Result<ImageInfo> info = ProbeImage(bytes);
  if (!info.ok()) return info.status();
  if (Status status = CheckImageSize(info->format, info->width, info->height, limits);
      !status.ok()) {
    return status;
  }
  try {
    Result<Image> image = Decode(info->format, bytes, limits);
    if (!image.ok() || info->orientation == 1) return image;
    return ApplyOrientation(std::move(*image), info->orientation);
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("no memory for the decoded image",
                                     "send a smaller image, or try again later");
  }
}

}  // namespace darkroom::host
