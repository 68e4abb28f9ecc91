// SPDX-License-Identifier: Apache-2.0

#include "cli/event_queue.h"

#include <nats/nats.h>

#include <cstdlib>
#include <utility>

namespace darkroom {

std::string_view Incoming::body() const {
  if (fetched_) return *fetched_;
  const char* data = natsMsg_GetData(message_.get());
  if (data == nullptr) return {};
  return {data, static_cast<size_t>(natsMsg_GetDataLength(message_.get()))};
}

std::string_view Incoming::subject() const {
  const char* subject = message_ == nullptr ? nullptr : natsMsg_GetSubject(message_.get());
  return subject == nullptr ? std::string_view{} : std::string_view(subject);
}

StreamPlace Incoming::Place() const {
  const auto at = [](int64_t ns) {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::nanoseconds(ns)));
  };
  if (message_ == nullptr) return {};
  // Got by a direct get, or delivered by a consumer.
  if (const uint64_t sequence = natsMsg_GetSequence(message_.get()); sequence > 0) {
    return {sequence, 0, at(natsMsg_GetTime(message_.get()))};
  }
  jsMsgMetaData* data = nullptr;
  if (natsMsg_GetMetaData(&data, message_.get()) != NATS_OK) return {};
  const StreamPlace place{data->Sequence.Stream, data->NumPending, at(data->Timestamp)};
  jsMsgMetaData_Destroy(data);
  return place;
}

HeaderList Incoming::Headers() const {
  const char** names = nullptr;
  int count = 0;
  if (message_ == nullptr || natsMsgHeader_Keys(message_.get(), &names, &count) != NATS_OK) {
    return {};
  }
  HeaderList all;
  for (int i = 0; i < count; ++i) all.emplace_back(names[i], Header(names[i]).value_or(""));
  std::free(static_cast<void*>(names));
  return all;
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
    if (event.kind == Event::Kind::kInterrupted) interrupted_ = true;
    events_.push_back(std::move(event));
  }
  ready_.notify_one();
}

bool EventQueue::interrupted() const {
  std::lock_guard lock(mutex_);
  return interrupted_;
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
