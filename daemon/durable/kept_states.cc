// SPDX-License-Identifier: Apache-2.0

#include "durable/kept_states.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/coroutine.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;

constexpr auto kTellAgain = std::chrono::minutes(10);
// The head, beside the state.
constexpr uint64_t kMostBytes = kMostStateBytes + 4096;

}  // namespace

awaitable<std::shared_ptr<const SavedState>> KeptStates::Find(StateOwner owner) {
  auto object = co_await parts_.objects.Get(UrlOf(owner), kMostBytes);
  // A host that was thought to be lost may have replaced it under way.
  if (!object.ok() && object.status().code() == Code::kBusy) {
    object = co_await parts_.objects.Get(UrlOf(owner), kMostBytes);
  }
  if (!object.ok()) {
    if (object.status().code() != Code::kNotFound) {
      parts_.log.warn("{} {}: begins anew, its kept state cannot be read: {}", owner.job,
                      owner.model, object.status().ToString());
    }
    co_return nullptr;
  }
  auto state = ReadKeptState(owner, object->bytes());
  if (!state.ok()) {
    parts_.log.warn("{} {}: begins anew: {}", owner.job, owner.model, state.status().message());
    co_return nullptr;
  }
  co_return std::make_shared<const SavedState>(*std::move(state));
}

void KeptStates::Keep(const StateOwner& owner, std::shared_ptr<const SavedState> state) {
  Add({owner, std::move(state)});
}

void KeptStates::Drop(const StateOwner& owner) { Add({owner, nullptr}); }

void KeptStates::Add(Wish wish) {
  const std::string job = wish.owner.job;
  if (wishes_.insert_or_assign(job, std::move(wish)).second) order_.push_back(job);
  if (!std::exchange(writing_, true)) StartCoroutine(parts_.io, Write());
}

awaitable<void> KeptStates::Write() {
  while (!order_.empty()) {
    const Wish wish = wishes_.extract(order_.front()).mapped();
    order_.pop_front();
    const Status status = co_await Store(wish);
    if (status.ok() || status.code() == Code::kNotFound) continue;
    Warn(fmt::format("{} {}: its state could not be {}: {}", wish.owner.job, wish.owner.model,
                     wish.state == nullptr ? "removed" : "kept", status.ToString()));
  }
  writing_ = false;
  parts_.on_idle();
}

awaitable<Status> KeptStates::Store(const Wish& wish) {
  if (wish.state == nullptr) co_return co_await parts_.objects.Remove(UrlOf(wish.owner));
  if (!has_bucket_) {
    const Status status = co_await parts_.streams.EnsureSaved();
    if (!status.ok()) co_return status;
    has_bucket_ = true;
  }
  std::optional<Buffer> object;
  const ObjectStore::Make make = [&] {
    if (!object) object = WriteKeptState(wish.owner, *wish.state);
    return object->bytes();
  };
  const Status status = co_await parts_.objects.Replace(UrlOf(wish.owner), make);
  // Somebody may have removed it since.
  if (status.code() == Code::kNotFound) has_bucket_ = false;
  co_return status.code() == Code::kNotFound ? Status(Code::kBusy, status.message()) : status;
}

void KeptStates::Warn(const std::string& words) {
  const auto now = std::chrono::steady_clock::now();
  if (now < quiet_until_) return;
  quiet_until_ = now + kTellAgain;
  parts_.log.warn("{}; other states that cannot be are not told of for ten minutes", words);
}

}  // namespace darkroom
