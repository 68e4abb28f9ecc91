// SPDX-License-Identifier: Apache-2.0
//
// Asking daemons for something that takes its time: one control request, and the answer of each
// daemon that is known to be there, be it a refusal.
//
// One thread; the client's.

#ifndef DARKROOM_CLI_ASK_HOSTS_H_
#define DARKROOM_CLI_ASK_HOSTS_H_

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/exit_code.h"

namespace CLI {
class App;
}

namespace darkroom {

struct Command;

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

// Connects, and asks the daemons that `find` names for what `request` makes of their names.
HostAnswers AskFound(const Command& command,
                     const std::function<Outcome<std::vector<std::string>>(Client* client)>& find,
                     const std::function<Outgoing(const std::vector<std::string>& hosts)>& request,
                     std::chrono::milliseconds timeout);

// Whom a command means by --host and --all.
struct MeantHosts {
  std::string host;
  bool all = false;
};

void AddMeantHosts(CLI::App* command, MeantHosts* meant);

// Asks those that are meant; `body` is what the verb is told besides who they are.
HostAnswers AskMeant(const Command& command, const std::string& verb, const MeantHosts& meant,
                     nlohmann::json body, std::chrono::milliseconds timeout);

// Prints what the hosts said, as text or as {"hosts": [...]}, and the failure if there is one.
ExitCode PrintHosts(const Command& command, nlohmann::json hosts, const std::string& text,
                    const std::optional<Failure>& failure);

}  // namespace darkroom

#endif  // DARKROOM_CLI_ASK_HOSTS_H_
