// SPDX-License-Identifier: Apache-2.0

#include "message/requester.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "core/units.h"

namespace darkroom {

struct Requester::Pending {
  explicit Pending(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
  std::optional<Message> answer;
};

Requester::Requester(boost::asio::io_context& io, Publisher& publisher, std::string inbox)
    : io_(io), publisher_(publisher), inbox_(std::move(inbox)) {}

Requester::~Requester() = default;

void Requester::OnAnswer(Message message) {
  const std::string_view subject = message.subject();
  uint64_t number = 0;
  const char* const end = subject.data() + subject.size();
  std::from_chars(subject.data() + subject.rfind('.') + 1, end, number);
  const auto found = pending_.find(number);
  if (found == pending_.end()) return;  // it came too late
  found->second->answer = std::move(message);
  found->second->timer.cancel();
}

boost::asio::awaitable<Result<Message>> Requester::Ask(std::unique_ptr<Publication> question,
                                                       std::chrono::milliseconds timeout) {
  const uint64_t number = ++last_number_;
  const std::string subject = question->subject();
  const auto pending = std::make_shared<Pending>(io_);
  pending_.emplace(number, pending);
  question->set_reply(fmt::format("{}.{}", inbox_, number));
  publisher_.Publish(std::move(question));
  pending->timer.expires_after(timeout);
  co_await pending->timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  pending_.erase(number);
  if (!pending->answer) {
    co_return Status(Code::kDeadlineExceeded,
                     fmt::format("no answer on '{}' in {}", subject, FormatDuration(timeout)));
  }
  co_return std::move(*pending->answer);
}

}  // namespace darkroom
