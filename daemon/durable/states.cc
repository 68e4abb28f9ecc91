// SPDX-License-Identifier: Apache-2.0

#include "durable/states.h"

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"

namespace darkroom {

boost::asio::awaitable<Result<std::optional<States::Entry>>> States::Get(std::string job) {
  auto last = co_await jetstream_.Last(names_.states, names_.State(job));
  if (!last.ok()) co_return last.status();
  // One without a body was deleted by somebody.
  if (!last->has_value() || (*last)->data().empty()) co_return std::optional<Entry>();
  const auto document = ParseJson(AsText((*last)->data()));
  if (!document.ok()) co_return document.status().Annotated("the state of " + job);
  auto record = JobRecord::FromJson(*document);
  if (!record.ok()) co_return record.status();
  Entry entry;
  entry.record = *std::move(record);
  const std::string_view sequence = (*last)->Header("Nats-Sequence").value_or("");
  std::from_chars(sequence.data(), sequence.data() + sequence.size(), entry.revision);
  co_return std::optional<Entry>(std::move(entry));
}

boost::asio::awaitable<Result<bool>> States::Put(Entry& entry) {
  const uint64_t revision = entry.revision;
  PlainPublication::Headers headers = {{kExpectedLast, std::to_string(revision)}};
  auto message = std::make_unique<PlainPublication>(
      names_.State(entry.record.id), WriteJson(entry.record.ToJson()), std::move(headers));
  const auto stored = co_await jetstream_.Store(std::move(message));
  if (!stored.ok()) co_return stored.status();
  if (stored->outcome == Stored::Outcome::kUnexpected) co_return false;
  entry.revision = stored->sequence;
  co_return true;
}

}  // namespace darkroom
