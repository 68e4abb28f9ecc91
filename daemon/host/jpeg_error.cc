// SPDX-License-Identifier: Apache-2.0

#include "host/jpeg_error.h"

#include <fmt/format.h>
#include <jerror.h>

#include <string_view>

namespace darkroom::host {
namespace {

JpegError* ErrorOf(j_common_ptr info) { return reinterpret_cast<JpegError*>(info->err); }

[[noreturn]] void OnError(j_common_ptr info) {
  JpegError* error = ErrorOf(info);
  error->code = info->err->msg_code;
  info->err->format_message(info, error->message);
  std::longjmp(error->jump, 1);
}

// Warnings after which libjpeg goes on with made-up pixels are errors here. The others (bytes
// between markers, odd version numbers) are common in files of cameras and harm nothing.
void OnMessage(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION:
      OnError(info);
    default:
      break;
  }
}

void Nowhere(j_common_ptr) {}

}  // namespace

jpeg_error_mgr* JpegError::Install() {
  jpeg_std_error(&base);
  base.error_exit = &OnError;
  base.emit_message = &OnMessage;
  base.output_message = &Nowhere;
  code = 0;
  message[0] = '\0';
  return &base;
}

Status JpegError::DecodeStatus() const {
  switch (code) {
    case JERR_OUT_OF_MEMORY:
      return Status::ResourceExhausted("no memory to decode the JPEG image", "try again later");
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
      return Status::InvalidArgument("the JPEG image is cut: it ends before its last row",
                                     "send the whole file");
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_COMPONENT_COUNT:
      return Status::InvalidArgument(
          fmt::format("this kind of JPEG is not read here: {}", message),
          "send a baseline or progressive JPEG of 8 bits, or PNG or WebP");
    default:
      return Status::InvalidArgument(fmt::format("the JPEG image is damaged: {}", message),
                                     "send the file again");
  }
}

Status JpegError::EncodeStatus() const {
  if (code == JERR_OUT_OF_MEMORY) {
    return Status::ResourceExhausted("no memory to encode the JPEG image", "try again later");
  }
  return Status::Internal(fmt::format("encoding a JPEG image failed: {}", message));
}

void FailJpeg(j_common_ptr info, const char* message) {
  JpegError* error = ErrorOf(info);
  error->code = 0;
  std::snprintf(error->message, sizeof(error->message), "%s", message);
  std::longjmp(error->jump, 1);
}

}  // namespace darkroom::host
