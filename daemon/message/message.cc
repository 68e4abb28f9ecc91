// SPDX-License-Identifier: Apache-2.0

#include "message/message.h"

#include <nats/nats.h>

#include <cstdlib>

namespace darkroom {

Message::~Message() { natsMsg_Destroy(message_); }

std::string_view Message::subject() const { return natsMsg_GetSubject(message_); }

std::string_view Message::reply() const {
  const char* reply = natsMsg_GetReply(message_);
  return reply == nullptr ? std::string_view() : reply;
}

Bytes Message::data() const {
  return fetched_ != nullptr && fetched_->body ? fetched_->body->bytes() : delivered();
}

uint64_t Message::bytes() const {
  uint64_t sum = delivered().size();
  if (fetched_ == nullptr) return sum;
  if (fetched_->body) sum += fetched_->body->size();
  for (const auto& [url, object] : fetched_->objects) sum += object.size();
  return sum;
}

void Message::SetBody(Buffer body) {
  if (fetched_ == nullptr) fetched_ = std::make_unique<Fetched>();
  fetched_->body = std::move(body);
}

void Message::Attach(std::string url, Buffer object) {
  if (fetched_ == nullptr) fetched_ = std::make_unique<Fetched>();
  fetched_->objects.insert_or_assign(std::move(url), std::move(object));
}

std::optional<Bytes> Message::Attachment(const std::string& url) const {
  if (fetched_ == nullptr) return std::nullopt;
  const auto found = fetched_->objects.find(url);
  if (found == fetched_->objects.end()) return std::nullopt;
  return found->second.bytes();
}

Bytes Message::delivered() const {
  if (message_ == nullptr) return {};
  return {reinterpret_cast<const std::byte*>(natsMsg_GetData(message_)),
          static_cast<size_t>(natsMsg_GetDataLength(message_))};
}

std::optional<std::string_view> Message::Header(const char* name) const {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message_, name, &value) != NATS_OK || value == nullptr) return {};
  return value;
}

std::vector<std::pair<std::string, std::string>> Message::Headers() const {
  std::vector<std::pair<std::string, std::string>> headers;
  const char** names = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(message_, &names, &count) != NATS_OK) return headers;
  for (int i = 0; i < count; ++i) {
    headers.emplace_back(names[i], Header(names[i]).value_or(""));
  }
  free(names);  // the array alone is ours
  return headers;
}

}  // namespace darkroom
