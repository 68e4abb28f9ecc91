// SPDX-License-Identifier: Apache-2.0
//
// How a requester wants the reply: its body's form and, for images, their format. Chosen from the
// Accept header and what the model gives (docs/protocol.md, "Replies").
//
// Plain values and pure functions.

#ifndef DARKROOM_MESSAGE_REPLY_FORM_H_
#define DARKROOM_MESSAGE_REPLY_FORM_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/model_info.h"
#include "core/status.h"

namespace darkroom {

enum class ImageFormat : uint8_t { kNatural, kPng, kJpeg, kWebp };

struct ReplyForm {
  enum class Body : uint8_t {
    kRaw,   // the one output's own bytes
    kJson,  // an object with all outputs
    kCbor,
    kJsonBytes,  // as kJson and kCbor, with tensors as their bytes rather than as numbers
    kCborBytes,
  };
  Body body = Body::kRaw;
  ImageFormat image = ImageFormat::kNatural;
  int32_t quality = 90;
};

std::optional<ImageFormat> ImageFormatByName(std::string_view name);  // "png", "jpeg", "webp"

// The form that fits `accept` (a list of media ranges with weights, RFC 9110, 12.5.1) best; an
// absent header accepts anything. The parameter tensors=bytes of JSON and CBOR asks for tensors as
// their bytes. An error says what the model could have given.
Result<ReplyForm> ChooseReplyForm(std::optional<std::string_view> accept, const ModelInfo& info);

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_REPLY_FORM_H_
