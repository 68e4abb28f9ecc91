// SPDX-License-Identifier: Apache-2.0

#include "cli/ask_hosts.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/gather.h"
#include "cli/reply.h"
#include "cli/text.h"
#include "core/json.h"
#include "core/suggest.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int kAnswers = 1001;  // away from Gather's, whose stragglers may still come

// Nothing where it is no daemon's answer: others may be on the subject, too.
std::optional<HostAnswer> Read(const Incoming& message) {
  if (const std::optional<Status> refusal = ErrorOf(message)) {
    return HostAnswer{message.Header("Darkroom-Host").value_or(""), {}, *refusal};
  }
  Result<json> answer = ParseJson(message.body());
  if (!answer.ok() || !answer->is_object()) return std::nullopt;
  return HostAnswer{TextField(*answer, "host"), *answer, {}};
}

class Waiting {
 public:
  Waiting(Client* client, std::string subject, std::vector<std::string> hosts,
          std::chrono::milliseconds timeout)
      : client_(*client),
        subject_(std::move(subject)),
        missing_(std::move(hosts)),
        timeout_(timeout),
        until_(Clock::now() + timeout) {}

  HostAnswers ForAll() {
    while (!missing_.empty() && !all_.failure) TakeNext();
    std::stable_sort(all_.answers.begin(), all_.answers.end(),
                     [](const HostAnswer& a, const HostAnswer& b) { return a.host < b.host; });
    return std::move(all_);
  }

 private:
  void TakeNext() {
    const Event event = client_.events().Next(until_);
    switch (event.kind) {
      case Event::Kind::kTimeout:
        all_.failure = TooLate();
        break;
      case Event::Kind::kMessage:
        if (event.subscription == kAnswers) OnMessage(event.message);
        break;
      case Event::Kind::kDenied:
        all_.failure = Failure::Local(
            {Code::kUnauthorized,
             fmt::format("{} does not allow this: {}", client_.url(), event.text),
             "this user needs to publish to " + subject_ + " and to subscribe to _INBOX.>"});
        break;
      case Event::Kind::kDisconnected:
        WriteError("darkroom: the connection was lost; trying to come back\n");
        break;
      case Event::Kind::kReconnected:
        WriteError("darkroom: connected again; answers that were sent meanwhile are lost\n");
        break;
      case Event::Kind::kClosed:
        all_.failure = Failure::Unreachable(
            fmt::format("the connection to {} was lost, and with it the answer of {}",
                        client_.url(), fmt::join(missing_, ", ")),
            "it may be done all the same; see: darkroom plugins ls");
        break;
      case Event::Kind::kInterrupted:
        all_.failure = Failure::Interrupted(
            fmt::format("interrupted; {} may still be at it", fmt::join(missing_, ", ")));
        break;
    }
  }

  void OnMessage(const Incoming& message) {
    if (message.IsNoResponders()) {
      all_.failure = Failure::Unreachable(
          fmt::format("the daemons at {} do not listen on {}", client_.url(), subject_),
          "they may be older than this command; see: darkroom status");
      return;
    }
    std::optional<HostAnswer> answer = Read(message);
    if (!answer) return;
    // One that was not known to be there has its say, and is not waited for.
    const auto expected = std::find(missing_.begin(), missing_.end(), answer->host);
    if (expected != missing_.end()) missing_.erase(expected);
    all_.answers.push_back(*std::move(answer));
  }

  Failure TooLate() const {
    return Failure::Local(
        {Code::kDeadlineExceeded,
         fmt::format("no answer from {} within {}", fmt::join(missing_, ", "),
                     FormatTime(timeout_)),
         "it may still be at it: darkroom plugins ls; wait longer with --timeout"});
  }

  Client& client_;
  const std::string subject_;
  std::vector<std::string> missing_;
  const std::chrono::milliseconds timeout_;
  const Clock::time_point until_;
  HostAnswers all_;
};

}  // namespace

HostAnswers AskHosts(Client* client, const Outgoing& request, std::vector<std::string> hosts,
                     std::chrono::milliseconds timeout) {
  Result<std::string> inbox = client->MakeInbox();
  if (!inbox.ok()) return {{}, Failure::Local(inbox.status())};
  Status status = client->Subscribe(*inbox, kAnswers);
  if (status.ok()) status = client->Send(request, *inbox);
  if (!status.ok()) return {{}, Failure::Unreachable(status.message(), status.hint())};
  return Waiting(client, request.subject, std::move(hosts), timeout).ForAll();
}

Outcome<std::vector<std::string>> FindHosts(Client* client, const std::string& status_subject,
                                            const std::string& only) {
  Outcome<std::vector<json>> outcome = Gather(client, status_subject);
  if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
  std::vector<std::string> hosts;
  for (const json& host : std::get<std::vector<json>>(outcome)) {
    hosts.push_back(TextField(host, "host"));
  }
  if (only.empty()) return hosts;
  if (std::find(hosts.begin(), hosts.end(), only) != hosts.end()) return std::vector{only};
  const std::string nearest = Nearest(only, hosts);
  return Failure::Local(Status::NotFound(
      fmt::format("no daemon on {} is called '{}'; there is {}", client->url(), only,
                  fmt::join(hosts, ", ")),
      nearest.empty() ? "darkroom status lists them" : fmt::format("did you mean {}?", nearest)));
}

HostAnswers AskFound(const Command& command,
                     const std::function<Outcome<std::vector<std::string>>(Client* client)>& find,
                     const std::function<Outgoing(const std::vector<std::string>& hosts)>& request,
                     std::chrono::milliseconds timeout) {
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (auto* failure = std::get_if<Failure>(&connected)) return {{}, std::move(*failure)};
  const auto client = std::get<std::unique_ptr<Client>>(std::move(connected));
  const Interrupts::Guard guard(command.interrupts, [&client] { client->Interrupt(); });
  Outcome<std::vector<std::string>> found = find(client.get());
  if (auto* failure = std::get_if<Failure>(&found)) return {{}, std::move(*failure)};
  auto& hosts = std::get<std::vector<std::string>>(found);
  const Outgoing outgoing = request(hosts);
  return AskHosts(client.get(), outgoing, std::move(hosts), timeout);
}

void AddMeantHosts(CLI::App* command, MeantHosts* meant) {
  CLI::Option* host =
      command->add_option("--host", meant->host, "This daemon; not needed where there is only one");
  command->add_flag("--all", meant->all, "All of them")->excludes(host);
}

HostAnswers AskMeant(const Command& command, const std::string& verb, const MeantHosts& meant,
                     json body, std::chrono::milliseconds timeout) {
  // Nothing but a name or --all means more than one.
  const auto find = [&](Client* client) -> Outcome<std::vector<std::string>> {
    Outcome<std::vector<std::string>> found =
        FindHosts(client, command.ControlSubject("status"), meant.host);
    const auto* hosts = std::get_if<std::vector<std::string>>(&found);
    if (hosts == nullptr || hosts->size() == 1 || meant.all) return found;
    return Failure::Local(Status::InvalidArgument(
        fmt::format("there are {} daemons: {}", hosts->size(), fmt::join(*hosts, ", ")),
        "say which with --host NAME, or --all"));
  };
  const auto request = [&](const std::vector<std::string>& hosts) -> Outgoing {
    if (meant.all) {
      body["all"] = true;
    } else {
      body["host"] = hosts.front();
    }
    return {command.ControlSubject(verb), {}, WriteJson(body)};
  };
  return AskFound(command, find, request, timeout);
}

ExitCode PrintHosts(const Command& command, json hosts, const std::string& text,
                    const std::optional<Failure>& failure) {
  json object = {{"hosts", std::move(hosts)}};
  if (!command.json) {
    const ExitCode printed = PrintText(text);
    return failure ? Report(command, *failure, json::object()) : printed;
  }
  return failure ? Report(command, *failure, std::move(object)) : PrintJson(object);
}

}  // namespace darkroom
