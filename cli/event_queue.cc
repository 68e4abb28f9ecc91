// SPDX-License-Identifier: Apache-2.0

#include "cli/event_queue.h"

#include <nats/nats.h>

#include <utility>

namespace darkroom {

std::string_view Incoming::body() const {
  const char* data = natsMsg_GetData(message_.get());
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(natsMsg_GetDataLength(message_.get()))};
}

std::optional<std::string> Incoming::Header(const char* name) const {
  const char* value = nullptr;
  if (message_ == nullptr || natsMsgHeader_Get(message_.get(), name, &value) != NATS_OK) return {};
  return std::string(value == nullptr ? "" : value);
}

bool Incoming::IsNoResponders() const {
  return message_ != nullptr && natsMsg_IsNoResponders(message_.get());
}

void Incoming::Free::operator()(natsMsg* message) const { natsMsg_Destroy(message); }

void EventQueue::Put(Event event) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    events_.push_back(std::move(event));
  }
  ready_.notify_one();
}

void EventQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  events_.clear();
}

Event EventQueue::Next(Time until) {
  std::unique_lock lock(mutex_);
  if (!ready_.wait_until(lock, until, [this] { return !events_.empty(); })) return {};
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace darkroom
