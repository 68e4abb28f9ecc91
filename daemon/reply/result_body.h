// SPDX-License-Identifier: Apache-2.0
//
// The body of a result in each of its forms (docs/protocol.md, "Replies"): the one output's own
// bytes, or an object with all outputs in JSON or CBOR.
//
// Pure functions, called on the publisher's thread.

#ifndef DARKROOM_REPLY_RESULT_BODY_H_
#define DARKROOM_REPLY_RESULT_BODY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "host/host_api.h"
#include "message/reply_form.h"

namespace darkroom {

struct ResultBody {
  std::string content_type;
  Buffer bytes;
};

// Takes the outputs over: raw bytes are passed on, not copied.
ResultBody FormResult(ReplyForm::Body form, const std::string& job,
                      std::vector<host::Output> outputs);

// At least how many bytes FormResult will make of these outputs, so that what is too large is known
// before it is formed.
uint64_t LeastResultBytes(ReplyForm::Body form, const std::vector<host::Output>& outputs);
// And at most how many.
uint64_t MostResultBytes(ReplyForm::Body form, const std::vector<host::Output>& outputs);

}  // namespace darkroom

#endif  // DARKROOM_REPLY_RESULT_BODY_H_
