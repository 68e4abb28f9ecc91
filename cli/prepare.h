// SPDX-License-Identifier: Apache-2.0
//
// What stands before a request of a command line: its inputs are read, and the daemons are asked
// what only a model itself can say.
//
// One thread; the client's.

#ifndef DARKROOM_CLI_PREPARE_H_
#define DARKROOM_CLI_PREPARE_H_

#include <optional>
#include <vector>

#include "cli/catalogue.h"
#include "cli/command.h"
#include "cli/request.h"
#include "cli/result_sink.h"
#include "cli/run_options.h"

namespace darkroom {

Outcome<Catalogue> AskForModels(Client* client, const Command& command);

// Why nobody took a request. The control subject tells a model that is not there from a daemon that
// is not.
Failure ExplainNobody(Client* client, const Command& command, const RunOptions& options);

// The bytes of all inputs, and what the command line says besides.
Result<RequestParts> ReadParts(const RunOptions& options);

// The name of the model's first input, where one is needed, and whether its reply may go into
// `sink`; without a sink nobody asks for the reply.
std::optional<Failure> AskFirst(Client* client, const Command& command, const RunOptions& options,
                                const ResultSink* sink, RequestParts* parts);

}  // namespace darkroom

#endif  // DARKROOM_CLI_PREPARE_H_
