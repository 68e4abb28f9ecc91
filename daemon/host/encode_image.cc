// SPDX-License-Identifier: Apache-2.0

#include "host/encode_image.h"

#include <new>
#include <utility>

#include "host/jpeg_codec.h"
#include "host/png_codec.h"
#include "host/webp_codec.h"

namespace darkroom::host {
namespace {

ImageFormat FormatOf(OutputForm::Image image) {
  switch (image) {
    case OutputForm::Image::kJpeg:
      return ImageFormat::kJpeg;
    case OutputForm::Image::kWebp:
      return ImageFormat::kWebp;
    case OutputForm::Image::kNatural:
    case OutputForm::Image::kPng:
      break;
  }
  return ImageFormat::kPng;
}

Result<Buffer> Encode(const ImageView& image, ImageFormat format, int quality) {
  switch (format) {
    case ImageFormat::kJpeg:
      return EncodeJpeg(image, quality);
    case ImageFormat::kPng:
      return EncodePng(image);
    case ImageFormat::kWebp:
      return EncodeWebp(image, quality);
  }
  return Status::Internal("an image format without an encoder");
}

}  // namespace

Result<EncodedImage> EncodeImage(const ImageView& image, const OutputForm& form) {
  const ImageFormat format = FormatOf(form.image);
  try {
    Result<Buffer> bytes = Encode(image, format, form.quality);
    if (!bytes.ok()) return bytes.status();
    return EncodedImage{format, std::move(*bytes)};
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("no memory for the encoded image", "try again later");
  }
}

}  // namespace darkroom::host
