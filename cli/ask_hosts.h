// SPDX-License-Identifier: Apache-2.0
//
// Asking daemons for something that takes its time: one control request, and the answer of each
// daemon that is known to be there, be it a refusal.
//
// One thread; the client's.

#ifndef DARKROOM_CLI_ASK_HOSTS_H_
#define DARKROOM_CLI_ASK_HOSTS_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/exit_code.h"

namespace darkroom {

struct HostAnswer {
  std::string host;
  nlohmann::json answer;  // an object, unless it was refused
  Status refusal;         // OK unless it was
};

struct HostAnswers {
  std::vector<HostAnswer> answers;  // by host
  std::optional<Failure> failure;   // why not all have answered
};

// Sends the request once, and waits until each of `hosts` has answered, at most for `timeout`.
HostAnswers AskHosts(Client* client, const Outgoing& request, std::vector<std::string> hosts,
                     std::chrono::milliseconds timeout);

// The daemons that are to answer: all that answer the status subject, or the one that is meant.
Outcome<std::vector<std::string>> FindHosts(Client* client, const std::string& status_subject,
                                            const std::string& only);

// The ones that are meant, where nothing but a name or `all` means more than one.
Outcome<std::vector<std::string>> FindMeant(Client* client, const std::string& status_subject,
                                            const std::string& only, bool all);

}  // namespace darkroom

#endif  // DARKROOM_CLI_ASK_HOSTS_H_
