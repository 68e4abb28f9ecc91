// SPDX-License-Identifier: Apache-2.0
//
// Making requests durable jobs: their subjects and headers (docs/durable-jobs.md), and the same job
// once more from what the server keeps of it.
//
// Pure functions, safe from any thread.

#ifndef DARKROOM_CLI_DURABLE_REQUEST_H_
#define DARKROOM_CLI_DURABLE_REQUEST_H_

#include <map>
#include <string>
#include <string_view>

#include "cli/event_queue.h"
#include "cli/request.h"
#include "core/status.h"
#include "durable/names.h"

namespace darkroom {

using Tags = std::map<std::string, std::string>;

struct DurableParts {
  std::string id;
  std::string model;
  std::string job_class;  // interactive, normal, bulk
  std::string reply_to;   // may be empty
  Tags tags;
};

Status CheckClass(std::string_view job_class);
// "album=42" each, together what one header can say.
Result<Tags> CheckTags(const std::vector<std::string>& assignments);
std::string TagsHeader(const Tags& tags);

// The request (BuildRequest) as a durable job.
Outgoing MakeDurable(Outgoing request, const DurableParts& parts, const DurableNames& names);

// A job under another id, from the headers and body of a kept request or dead letter: what the
// server and the daemons added is left out. `old_id` goes into Darkroom-Retry-Of unless it is
// empty.
Outgoing CopyOfJob(HeaderList headers, std::string body, const DurableParts& parts,
                   std::string_view old_id, const DurableNames& names);

// Sets a header, whether it is there or not; an empty value takes it away.
void SetHeader(HeaderList* headers, std::string_view name, std::string value);

// A retry of "album-42" is "album-42-r1", the next "album-42-r2". The base of each is "album-42".
struct RetryName {
  std::string base;
  uint32_t number = 0;  // 0: it is no retry
};
RetryName ParseRetryName(const std::string& id);
// "" where that would be too long for an id.
std::string RetryId(const std::string& base, uint32_t number);

}  // namespace darkroom

#endif  // DARKROOM_CLI_DURABLE_REQUEST_H_
