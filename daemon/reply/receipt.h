// SPDX-License-Identifier: Apache-2.0
//
// The receipt: headers that say what made a reply, so that it can be told later from the reply
// alone (docs/protocol.md, "Replies").
//
// Plain values; sealed into headers on the publisher's thread.

#ifndef DARKROOM_REPLY_RECEIPT_H_
#define DARKROOM_REPLY_RECEIPT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "message/publisher.h"

namespace darkroom {

// What all replies of a model have in common.
struct ModelReceipt {
  std::string model;
  std::string plugin;   // id, version, digest
  std::string weights;  // digest; empty: none, or not known
  std::string host;
};

struct Receipt {
  std::shared_ptr<const ModelReceipt> model;
  std::string job;
  std::string device;  // empty: no device was touched
  double queue_ms = 0;
  std::string waited;  // for what, in words; empty: it hardly did
  double load_ms = 0;
  double run_ms = 0;
  std::string seed;  // empty: the model has none
  uint32_t attempts = 0;
  uint32_t resumed_at = 0;  // the step that the last attempt went on at; 0: it made all of them

  void WriteTo(Envelope* envelope) const;
};

}  // namespace darkroom

#endif  // DARKROOM_REPLY_RECEIPT_H_
