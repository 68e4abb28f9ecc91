// SPDX-License-Identifier: Apache-2.0

#include "routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string_view>
#include <utility>

#include "core/coroutine.h"
#include "core/json.h"

namespace darkroom {

using boost::asio::awaitable;

const std::string& Routes::GroupOf(const std::string& subject) const {
  for (const RouteConfig& route : parts_.config.routes) {
    if (route.subject == subject) return route.queue_group;
  }
  return parts_.config.nats.queue_group;
}

const Endpoint* Routes::OfModel(const std::string& model) const {
  const std::string subject = fmt::format("{}.run.{}", parts_.config.nats.prefix, model);
  const auto found = std::find_if(list_.begin(), list_.end(), [&](const auto& endpoint) {
    return endpoint->subject == subject;
  });
  return found == list_.end() ? nullptr : found->get();
}

void Routes::Add(Endpoint endpoint) {
  list_.push_back(std::make_unique<Endpoint>(std::move(endpoint)));
}

Status Routes::Subscribe() {
  for (const auto& endpoint : list_) {
    if (ears_.count(endpoint.get()) > 0) continue;
    if (Status status = Subscribe(endpoint.get()); !status.ok()) return status;
  }
  return Status::Ok();
}

Status Routes::Subscribe(Endpoint* endpoint) {
  const std::string& group = GroupOf(endpoint->subject);
  const auto number = parts_.subscriptions.Add(
      endpoint->subject, group,
      [this, endpoint](Message message) { OnMessage(endpoint, std::move(message)); });
  if (number.ok()) ears_[endpoint] = {*number, group};
  return number.status();
}

void Routes::OnMessage(Endpoint* endpoint, Message message) {
  if (!turning_.empty() && IsTwin(endpoint, message)) return;
  parts_.flow.OnRequest(*endpoint, std::move(message));
}

// The server gives each queue group its own copy of a message, one right behind the other.
bool Routes::IsTwin(const Endpoint* endpoint, const Message& message) {
  const auto turning = turning_.find(endpoint);
  if (turning == turning_.end()) return false;
  const std::hash<std::string_view> hash;
  size_t digest = hash(message.subject());
  for (const std::string_view part : {message.reply(), AsText(message.data())}) {
    digest = digest * 31 + hash(part);
  }
  for (const auto& [name, value] : message.Headers()) digest = digest * 31 + hash(name + value);
  const auto before = first_of_two_.find(digest);
  if (before != first_of_two_.end() && before->second != turning->second) {
    first_of_two_.erase(before);
    return true;
  }
  first_of_two_[digest] = turning->second;
  return false;
}

Status Routes::CheckContract(const Model& model,
                             const std::shared_ptr<const ModelContract>& contract) const {
  for (const auto& endpoint : list_) {
    if (endpoint->model.get() != &model || changing_.count(endpoint->subject) > 0) continue;
    const auto remade = RemakeEndpoint(*endpoint, parts_.config, contract);
    if (!remade.ok()) return remade.status();
  }
  return Status::Ok();
}

void Routes::OnContractChanged(const Model& model) {
  for (const auto& endpoint : list_) {
    if (endpoint->model.get() != &model || model.broken) continue;
    auto remade = RemakeEndpoint(*endpoint, parts_.config, model.contract);
    if (remade.ok()) *endpoint = std::move(*remade);
  }
}

void Routes::ExpectChange(const std::vector<std::string>& subjects) {
  changing_.insert(subjects.begin(), subjects.end());
}

awaitable<Status> Routes::Switch(std::vector<Endpoint> wanted, Intake& intake,
                                 boost::asio::any_io_executor aside) {
  List before = std::move(list_);
  list_.clear();
  changing_.clear();
  Status first;
  bool listens = false;
  for (Endpoint& one : wanted) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const auto& old) {
      return old != nullptr && old->subject == one.subject &&
             ears_[old.get()].group == GroupOf(one.subject);
    });
    if (same != before.end()) {
      // Who listens goes on, to what leads elsewhere now.
      if ((*same)->model == one.model) one.stats = (*same)->stats;
      **same = std::move(one);
      list_.push_back(std::move(*same));
      continue;
    }
    list_.push_back(std::make_unique<Endpoint>(std::move(one)));
    Endpoint* const added = list_.back().get();
    for (const auto& old : before) {
      if (old == nullptr || old->subject != added->subject) continue;
      turning_[old.get()] = false;
      turning_[added] = true;
    }
    Status status = Subscribe(added);
    if (!status.ok() && first.ok()) first = std::move(status);
    listens = true;
  }
  for (auto& old : before) {
    if (old != nullptr) leaving_.push_back(std::move(old));
  }
  if (listens) {
    const auto confirm = [&intake]() -> awaitable<Status> { co_return intake.Confirm(); };
    const Status confirmed =
        co_await boost::asio::co_spawn(aside, confirm(), boost::asio::use_awaitable);
    // The connection is lost: the server hears of all of them when it is there again.
    if (!confirmed.ok()) parts_.log.warn("routes: {}", confirmed.ToString());
  }
  for (const auto& old : leaving_) {
    const auto ear = ears_.find(old.get());
    if (ear == ears_.end()) continue;  // it is being let go
    const uint32_t number = ear->second.number;
    ears_.erase(ear);
    parts_.subscriptions.Remove(
        number, [this, endpoint = old.get()] { StartCoroutine(parts_.io, Forget(endpoint)); });
  }
  co_return first;
}

awaitable<void> Routes::Forget(Endpoint* endpoint) {
  co_await parts_.flow.Left(*endpoint);
  turning_.erase(endpoint);
  if (std::none_of(turning_.begin(), turning_.end(), [](const auto& one) { return !one.second; })) {
    turning_.clear();
    first_of_two_.clear();
  }
  std::erase_if(leaving_, [endpoint](const auto& one) { return one.get() == endpoint; });
  changes_.Notify();
}

awaitable<void> Routes::Left(std::shared_ptr<Model> model) {
  const auto left = [this, &model] {
    const auto leads = [&model](const auto& one) { return one->model == model; };
    return std::none_of(list_.begin(), list_.end(), leads) &&
           std::none_of(leaving_.begin(), leaving_.end(), leads);
  };
  co_await changes_.Until(left);
}

}  // namespace darkroom
