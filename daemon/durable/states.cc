// SPDX-License-Identifier: Apache-2.0

#include "durable/states.h"

#include <boost/asio/post.hpp>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/coroutine.h"
#include "core/json.h"

namespace darkroom {

boost::asio::awaitable<Result<std::optional<States::Entry>>> States::Get(std::string job,
                                                                         bool new_job) {
  if (new_job) {
    const auto any = co_await MayHave(job);
    if (!any.ok()) co_return any.status();
    if (!*any) co_return std::optional<Entry>();
  }
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

boost::asio::awaitable<Result<bool>> States::MayHave(const std::string& job) {
  if (next_ == nullptr) {
    next_ = std::make_shared<Round>(io_);
    // Behind those that have come with this one.
    boost::asio::post(io_, [this] { StartCoroutine(io_, AskNext()); });
  }
  const auto round = next_;
  round->subjects.push_back(names_.State(job));
  co_await round->over.Wait();
  co_return round->any;
}

boost::asio::awaitable<void> States::AskNext() {
  const auto round = std::exchange(next_, nullptr);
  round->any = co_await jetstream_.MayHaveAny(names_.states, round->subjects);
  round->over.Set();
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
