// SPDX-License-Identifier: Apache-2.0

#include "message/publisher.h"

#include <nats/nats.h>

#include <chrono>

#include "core/thread.h"

namespace darkroom {
namespace {

// A requester that has not heard for this long has given up; clients wait 5 s by default, patient
// ones longer.
constexpr auto kPatience = std::chrono::seconds(30);
// A daemon that stops waits less.
constexpr auto kLastPatience = std::chrono::seconds(3);

}  // namespace

Envelope::Envelope(const std::string& subject, const std::string& reply) {
  natsMsg_Create(&message_, subject.c_str(), reply.empty() ? nullptr : reply.c_str(), nullptr, 0);
}

Envelope::~Envelope() { natsMsg_Destroy(message_); }

void Envelope::Header(const char* name, const std::string& value) {
  constexpr std::string_view kNotAllowed("\r\n\0", 3);
  if (value.find_first_of(kNotAllowed) == std::string::npos) {
    natsMsgHeader_Set(message_, name, value.c_str());
    return;
  }
  std::string clean = value;
  for (char& c : clean) {
    if (kNotAllowed.find(c) != std::string_view::npos) c = ' ';
  }
  natsMsgHeader_Set(message_, name, clean.c_str());
}

void PlainPublication::Seal(uint64_t, Envelope* envelope) {
  for (const auto& [name, value] : headers_) envelope->Header(name.c_str(), value);
  envelope->Body(Buffer::Copy(AsBytes(text_)));
}

Publisher::Publisher(Logger& log) : log_(log) {}

Publisher::~Publisher() {
  if (writer_.joinable()) Finish(std::chrono::milliseconds(0));
}

Status Publisher::Open(const ServerLink& link) {
  auto connection = Connection::Open(link, "replies", this);
  if (!connection.ok()) return connection.status();
  {
    std::lock_guard lock(mutex_);
    connection_ = std::move(*connection);
  }
  writer_ = std::thread([this] { Write(); });
  return Status::Ok();
}

void Publisher::Publish(std::unique_ptr<Publication> publication) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = waiting_.empty();
    waiting_.push_back(std::move(publication));
  }
  if (first) wake_.notify_all();
}

bool Publisher::Finish(std::chrono::milliseconds timeout) {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  writer_.join();
  // Without a connection nothing is on its way that could be waited for.
  bool arrived = !lost_;
  if (connection_->connected() && timeout.count() > 0) {
    const natsStatus status = natsConnection_FlushTimeout(connection_->nats(), timeout.count());
    arrived = arrived && status == NATS_OK;
  }
  connection_.reset();
  return arrived;
}

void Publisher::OnConnected() {
  {
    std::lock_guard lock(mutex_);  // so that a writer about to wait does not miss it
  }
  wake_.notify_all();
}

void Publisher::OnDisconnected() {
  std::lock_guard lock(mutex_);
  lost_at_ = std::chrono::steady_clock::now();
}

void Publisher::Write() {
  SetThreadName("dr-publish");
  std::vector<std::unique_ptr<Publication>> taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;  // stopping, and nothing left to say
      taken.swap(waiting_);
    }
    lost_ = false;
    for (size_t i = 0; i < taken.size(); ++i) {
      WriteOne(taken[i].get(), i + 1 == taken.size());
    }
    written_.clear();
    taken.clear();
  }
}

void Publisher::WriteOne(Publication* publication, bool last) {
  if (!connection_->connected() && !AwaitConnection()) {
    log_.warn("no connection for a message to '{}': dropped", publication->subject());
    lost_ = true;
    publication->OnWritten(false);
    return;
  }
  Envelope& envelope = written_.emplace_back(publication->subject(), publication->reply());
  publication->Seal(connection_->max_payload(), &envelope);
  const Bytes body = envelope.body_.bytes();
  natsMsg_SetData(envelope.message_, body.data(), static_cast<int>(body.size()));
  // Send writes what was published before it too: one system call for all that had gathered.
  const natsStatus status = last
                                ? natsConnection_SendMsg(connection_->nats(), envelope.message_)
                                : natsConnection_PublishMsg(connection_->nats(), envelope.message_);
  if (status != NATS_OK) {
    lost_ = true;
    log_.warn("could not publish {} bytes to '{}': {}", body.size(), publication->subject(),
              natsStatus_GetText(status));
  }
  publication->OnWritten(status == NATS_OK);
  envelope.body_ = {};  // not needed while the rest is written
}

bool Publisher::AwaitConnection() {
  std::unique_lock lock(mutex_);
  const auto until = lost_at_ + (stopping_ ? kLastPatience : kPatience);
  return wake_.wait_until(lock, until, [this] { return connection_->connected(); });
}

}  // namespace darkroom
