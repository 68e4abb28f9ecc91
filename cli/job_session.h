// SPDX-License-Identifier: Apache-2.0
//
// JobSession is what every command about durable jobs begins with: a connection, the store behind
// it, and Ctrl-C as an event.
//
// One thread.

#ifndef DARKROOM_CLI_JOB_SESSION_H_
#define DARKROOM_CLI_JOB_SESSION_H_

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command.h"
#include "cli/job_store.h"

namespace darkroom {

class JobSession {
 public:
  static Outcome<std::unique_ptr<JobSession>> Open(const Command& command);

  Client& client() { return *client_; }
  JobStore& store() { return *store_; }

 private:
  // The store goes before the client, and the guard before both.
  std::unique_ptr<Client> client_;
  std::unique_ptr<JobStore> store_;
  std::unique_ptr<Interrupts::Guard> guard_;
};

// A command's work within a session: it fills in `result`, which is printed with --json. Text is
// the work's own to print.
using JobWork = std::function<std::optional<Failure>(JobSession& session, nlohmann::json* result)>;
ExitCode InSession(const Command& command, nlohmann::json result, const JobWork& work);

}  // namespace darkroom

#endif  // DARKROOM_CLI_JOB_SESSION_H_
