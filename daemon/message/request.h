// SPDX-License-Identifier: Apache-2.0
//
// Request is a message understood: with what params and inputs, and how the requester wants the
// answer.
//
// Plain values that own what they show: the message's bytes, and those decoded from it. One thread
// at a time.

#ifndef DARKROOM_MESSAGE_REQUEST_H_
#define DARKROOM_MESSAGE_REQUEST_H_

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/model_info.h"
#include "core/status.h"
#include "message/message.h"
#include "message/reply_form.h"

namespace darkroom {

struct RequestInput {
  const ValueInfo* info = nullptr;  // the manifest's
  std::string content_type;         // as far as the requester told
  Bytes bytes;                      // in Request::message or Request::decoded
};

struct Request {
  Message message;
  std::vector<Buffer> decoded;

  std::string id;     // empty: the requester named none
  std::string reply;  // subject
  // Null when the requester gave none: the endpoint's own then hold. Else those, the endpoint's
  // defaults below and its fixed ones above them; not yet checked against the manifest.
  nlohmann::json params;
  std::vector<RequestInput> inputs;
  ReplyForm form;
  std::optional<std::chrono::milliseconds> deadline;
  bool progress = false;

  uint64_t InputBytes() const {
    uint64_t sum = 0;
    for (const RequestInput& input : inputs) sum += input.bytes.size();
    return sum;
  }
};

// What holds for the requests of one subscription: those of a model's own subject, or of a route.
struct RequestRules {
  const ModelInfo* info = nullptr;
  nlohmann::json default_params = nlohmann::json::object();  // the model's
  nlohmann::json fixed_params = nlohmann::json::object();    // the route's; they win
  // What the two make of the form of an image when the requester says nothing of it.
  ImageFormat image = ImageFormat::kNatural;
  int32_t quality = 90;
  uint64_t max_input_bytes = 0;
};

// Takes `output_format` and `output_quality`, which are about the reply and not for the plugin, out
// of `params`.
Status TakeOutputParams(const ModelInfo& info, nlohmann::json* params, ImageFormat* image,
                        int32_t* quality);

// Understands `message`. `request` takes it over, and on an error still holds what is needed to
// answer it: the reply subject and, if it was sound, the id.
Status ParseRequest(Message message, const RequestRules& rules, Request* request);

// Whether `text` may name a job: [A-Za-z0-9_-]{1,64}, one token of a subject (ADR-6).
bool IsJobId(std::string_view text);

}  // namespace darkroom

#endif  // DARKROOM_MESSAGE_REQUEST_H_
