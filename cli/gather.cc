// SPDX-License-Identifier: Apache-2.0

#include "cli/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirst{2'000};
constexpr std::chrono::milliseconds kOthers{150};

constexpr int kAnswers = 1000;  // away from the numbers that commands use

// What gathers again and again would otherwise have more and more subscriptions.
struct Unsubscriber {
  Client* client;
  ~Unsubscriber() { client->Unsubscribe(kAnswers); }
};

Failure Nobody(const Client& client, const std::string& subject, std::string_view how) {
  return Failure::Unreachable(
      fmt::format("the NATS server at {} is there, but {} {}", client.url(), how, subject),
      "is darkroomd running, connected to this server and with this prefix?");
}

}  // namespace

Outcome<std::vector<json>> Gather(Client* client, const std::string& subject) {
  Result<std::string> inbox = client->MakeInbox();
  if (!inbox.ok()) return Failure::Local(inbox.status());
  Status status = client->Subscribe(*inbox, kAnswers);
  const Unsubscriber until_here{client};
  if (status.ok()) status = client->Send({subject, {}, {}}, *inbox);
  if (!status.ok()) return Failure::Unreachable(status.message(), status.hint());

  std::vector<json> answers;
  auto until = Clock::now() + kFirst;
  while (true) {
    Event event = client->events().Next(until);
    switch (event.kind) {
      case Event::Kind::kTimeout:
        if (answers.empty()) return Nobody(*client, subject, "no daemon answers");
        std::sort(answers.begin(), answers.end(), [](const json& a, const json& b) {
          return TextField(a, "host") < TextField(b, "host");
        });
        return answers;
      case Event::Kind::kMessage: {
        // Answers to what was asked before may still come.
        if (event.subscription != kAnswers || event.message.subject() != *inbox) break;
        if (event.message.IsNoResponders()) return Nobody(*client, subject, "nobody listens on");
        Result<json> answer = ParseJson(event.message.body());
        // Someone else on the subject who does not speak our protocol is no daemon.
        if (!answer.ok() || !answer->is_object()) break;
        if (answers.empty()) until = Clock::now() + kOthers;
        answers.push_back(*std::move(answer));
        break;
      }
      case Event::Kind::kDenied:
        return Failure::Local(
            {Code::kUnauthorized,
             fmt::format("{} does not allow this: {}", client->url(), event.text),
             "this user needs to publish to " + subject + " and to subscribe to _INBOX.>"});
      case Event::Kind::kClosed:
        return Failure::Unreachable(fmt::format("the connection to {} was lost", client->url()),
                                    "try again");
      case Event::Kind::kInterrupted:
        return Failure::Interrupted("interrupted");
      case Event::Kind::kDisconnected:
      case Event::Kind::kReconnected:
        break;
    }
  }
}

std::string TextField(const json& object, const char* name) {
  const auto field = object.is_object() ? object.find(name) : object.end();
  return field != object.end() && field->is_string() ? field->get<std::string>() : std::string();
}

double NumberField(const json& object, const char* name) {
  const auto field = object.is_object() ? object.find(name) : object.end();
  return field != object.end() && field->is_number() ? field->get<double>() : 0.0;
}

uint64_t CountField(const json& object, const char* name) {
  const double number = NumberField(object, name);
  return number > 0 && number < 1e18 ? static_cast<uint64_t>(number) : 0;
}

const json& PartField(const json& object, const char* name) {
  static const json kNothing = json::array();
  const auto field = object.is_object() ? object.find(name) : object.end();
  return field != object.end() && field->is_structured() ? *field : kNothing;
}

}  // namespace darkroom
