// SPDX-License-Identifier: Apache-2.0

#include "durable/jetstream.h"

#include <fmt/format.h>

#include <utility>

#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr int kWrongLastSequence = 10071;
constexpr int kWrongLastConstant = 10164;  // the same, of servers from 2.11 on

// The server's answer as JSON, or its error.
Result<json> Understand(const Message& message) {
  auto answer = ParseJson(AsText(message.data()));
  if (!answer.ok() || !answer->is_object()) {
    return Status::Internal("the NATS server's answer about a stream is no JSON object");
  }
  return answer;
}

int ErrorNumber(const json& answer) {
  const auto error = answer.find("error");
  return error == answer.end() ? 0 : error->value("err_code", -1);
}

Status ErrorOf(const json& answer) {
  const auto error = answer.find("error");
  if (error == answer.end()) return Status::Ok();
  const std::string words = fmt::format("JetStream: {}", error->value("description", "an error"));
  return error->value("code", 0) == 404 ? Status::NotFound(words)
                                        : Status::FailedPrecondition(words);
}

}  // namespace

boost::asio::awaitable<Result<json>> JetStream::Api(std::string verb, json question) {
  auto asked = std::make_unique<PlainPublication>("$JS.API." + verb,
                                                  question.is_null() ? "" : WriteJson(question));
  const auto message = co_await requester_.Ask(std::move(asked), timeout_);
  if (!message.ok()) {
    co_return Status(message.status().code(), message.status().message(),
                     "is JetStream enabled on the NATS server, and may this user use it?");
  }
  auto answer = Understand(*message);
  if (!answer.ok()) co_return answer.status();
  if (Status status = ErrorOf(*answer); !status.ok()) co_return status;
  co_return *std::move(answer);
}

boost::asio::awaitable<Result<Stored>> JetStream::Store(std::unique_ptr<Publication> message) {
  const auto answered = co_await requester_.Ask(std::move(message), timeout_);
  if (!answered.ok()) co_return answered.status();
  const auto answer = Understand(*answered);
  if (!answer.ok()) co_return answer.status();
  Stored stored;
  if (const int error = ErrorNumber(*answer); error != 0) {
    if (error != kWrongLastSequence && error != kWrongLastConstant) co_return ErrorOf(*answer);
    stored.outcome = Stored::Outcome::kUnexpected;
    co_return stored;
  }
  stored.sequence = answer->value("seq", uint64_t{0});
  if (answer->value("duplicate", false)) stored.outcome = Stored::Outcome::kDuplicate;
  co_return stored;
}

boost::asio::awaitable<Result<std::optional<Message>>> JetStream::Last(std::string stream,
                                                                       std::string subject) {
  auto asked = std::make_unique<PlainPublication>(
      fmt::format("$JS.API.DIRECT.GET.{}.{}", stream, subject), "");
  auto message = co_await requester_.Ask(std::move(asked), timeout_);
  if (!message.ok()) co_return message.status();
  const auto status = message->Header("Status");
  if (!status) co_return std::optional<Message>(*std::move(message));
  if (*status == "404") co_return std::optional<Message>();
  co_return Status::FailedPrecondition(fmt::format(
      "JetStream: the last message of '{}' could not be read: status {}", subject, *status));
}

boost::asio::awaitable<Result<bool>> JetStream::MayHaveAny(std::string stream,
                                                           std::vector<std::string> subjects) {
  const json question = {{"multi_last", std::move(subjects)}, {"batch", 1}};
  auto asked =
      std::make_unique<PlainPublication>("$JS.API.DIRECT.GET." + stream, WriteJson(question));
  const auto message = co_await requester_.Ask(std::move(asked), timeout_);
  if (!message.ok()) co_return message.status();
  // Another 404 is of a message that is there and could not be read.
  co_return message->Header("Status") != "404" || message->Header("Description") != "No Results";
}

}  // namespace darkroom
