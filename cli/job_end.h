// SPDX-License-Identifier: Apache-2.0
//
// The end of a durable job: its stored reply, and what its state says where that is gone.
//
// One thread; the store's.

#ifndef DARKROOM_CLI_JOB_END_H_
#define DARKROOM_CLI_JOB_END_H_

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/job_store.h"
#include "cli/result_sink.h"

namespace darkroom {

// The error in the state of a job that ended without a result; nothing where it succeeded.
std::optional<Status> ErrorInState(const nlohmann::json& state);

// The reply of a job that ended, with its bytes, wherever they are kept.
Outcome<Incoming> FetchReply(JobStore* store, const nlohmann::json& state);

// The same, written where it belongs; an error is the failure.
std::optional<Failure> DeliverEnd(JobStore* store, const nlohmann::json& state, ResultSink* sink,
                                  nlohmann::json* result);

}  // namespace darkroom

#endif  // DARKROOM_CLI_JOB_END_H_
