// SPDX-License-Identifier: Apache-2.0
//
// What a dead letter says beside the request: why the job came to nothing, however often it was
// tried, so that somebody can mend the cause and send it again (docs/durable-jobs.md, "Dead
// letters").
//
// Pure; any thread.

#ifndef DARKROOM_DURABLE_DEAD_LETTER_H_
#define DARKROOM_DURABLE_DEAD_LETTER_H_

#include <string>
#include <vector>

#include "core/status.h"
#include "durable/job_record.h"

namespace darkroom {

inline constexpr const char* kDeadLetterHeader = "Darkroom-Dead-Letter";

// Whether a job that failed with this for good leaves a dead letter: the cause is here and not in
// the request, which might succeed once it is mended.
bool LeavesDeadLetter(Code code);

// The header's value: JSON in one line, of a size that a header may have. `log`: the last lines of
// the worker, oldest first.
std::string DeadLetterReport(const JobRecord& record, const std::vector<std::string>& log);

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_DEAD_LETTER_H_
