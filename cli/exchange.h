// SPDX-License-Identifier: Apache-2.0
//
// Exchange sends one request and waits for its reply, with progress meanwhile.
//
// One thread; the client's.

#ifndef DARKROOM_CLI_EXCHANGE_H_
#define DARKROOM_CLI_EXCHANGE_H_

#include <chrono>
#include <optional>
#include <string>

#include "cli/client.h"
#include "cli/exit_code.h"
#include "cli/preview_sink.h"
#include "cli/progress_bar.h"

namespace darkroom {

struct ExchangeOptions {
  std::string job;
  std::string progress_subject;  // empty: none is asked for
  std::string cancel_subject;    // where to say that nobody waits for the reply any more
  // How long to wait for the reply. Without it the wait ends ten minutes after the last sign of
  // life.
  std::optional<std::chrono::milliseconds> timeout;
  PreviewSink* previews = nullptr;  // nullptr: they are passed over
};

// The reply, which may be an error reply, or the server's word that nobody listens.
Outcome<Incoming> Exchange(Client* client, const Outgoing& request, const ExchangeOptions& options,
                           ProgressBar* bar);

}  // namespace darkroom

#endif  // DARKROOM_CLI_EXCHANGE_H_
