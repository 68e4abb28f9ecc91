// SPDX-License-Identifier: Apache-2.0

#include "cli/client.h"

#include <fmt/format.h>
#include <nats/nats.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "cli/diagnose.h"
#include "core/redact.h"
#include "core/units.h"

namespace darkroom {
namespace {

constexpr int64_t kConnectMs = 5'000;
constexpr int64_t kWriteMs = 10'000;
// A server that restarts is back within seconds; a minute without one is an answer too.
constexpr int kReconnects = 120;
constexpr int64_t kReconnectWaitMs = 500;
constexpr int64_t kCloseMs = 5'000;

// What NATS.c says of the last error on this thread, or the status's own words.
std::string Reason(natsStatus status) {
  const char* detail = nats_GetLastError(nullptr);
  std::string reason = detail != nullptr && *detail != '\0' ? detail : natsStatus_GetText(status);
  // It begins with a place in NATS.c's own source: "(conn.c:2393): ".
  if (const size_t end = reason.find("): "); reason.starts_with('(') && end != std::string::npos) {
    reason.erase(0, end + 3);
  }
  return reason;
}

std::vector<std::string> SplitUrls(const std::string& urls) {
  std::vector<std::string> all;
  size_t begin = 0;
  while (begin <= urls.size()) {
    const size_t end = std::min(urls.find(',', begin), urls.size());
    if (end > begin) all.push_back(urls.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

void OnDisconnected(natsConnection*, void* queue) {
  static_cast<EventQueue*>(queue)->Put({Event::Kind::kDisconnected, 0, {}, {}});
}

void OnReconnected(natsConnection*, void* queue) {
  static_cast<EventQueue*>(queue)->Put({Event::Kind::kReconnected, 0, {}, {}});
}

void OnClosed(natsConnection*, void* queue) {
  static_cast<EventQueue*>(queue)->Put({Event::Kind::kClosed, 0, {}, {}});
}

void OnError(natsConnection* connection, natsSubscription*, natsStatus error, void* queue) {
  if (error != NATS_NOT_PERMITTED) return;  // the others end in an event of their own
  std::array<char, 512> text{};
  natsConnection_ReadLastError(connection, text.data(), text.size());
  static_cast<EventQueue*>(queue)->Put({Event::Kind::kDenied, 0, {}, text.data()});
}

struct FreeOptions {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};

}  // namespace

struct Client::Subscription {
  EventQueue* events = nullptr;
  int number = 0;
  natsSubscription* handle = nullptr;

  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    auto* subscription = static_cast<Subscription*>(self);
    subscription->events->Put({Event::Kind::kMessage, subscription->number, Incoming(message), {}});
  }
};

Client::Client(std::string url) : url_(std::move(url)) {}

Client::~Client() {
  events_.Close();
  for (auto& subscription : subscriptions_) natsSubscription_Destroy(subscription->handle);
  natsConnection_Destroy(connection_);
  nats_CloseAndWait(kCloseMs);
}

Status Client::SetOptions(natsOptions* nats_options, const ConnectOptions& options) {
  const std::vector<std::string> urls = SplitUrls(options.url);
  if (urls.empty()) {
    return Status::InvalidArgument("no URL of a NATS server is given",
                                   "--url nats://HOST:4222, or NATS_URL in the environment");
  }
  std::vector<const char*> pointers;
  for (const std::string& url : urls) pointers.push_back(url.c_str());
  natsStatus s =
      natsOptions_SetServers(nats_options, pointers.data(), static_cast<int>(pointers.size()));
  if (s != NATS_OK) {
    return Status::InvalidArgument(
        fmt::format("'{}' is no URL of a NATS server: {}", url_, Reason(s)),
        "such as nats://127.0.0.1:4222");
  }
  if (!options.credentials.empty()) {
    // NATS.c would say so only at the handshake, in words about a handler.
    if (access(options.credentials.c_str(), R_OK) != 0) {
      return Status::FailedPrecondition(
          fmt::format("cannot read the credentials '{}': {}", options.credentials,
                      std::generic_category().message(errno)),
          "--creds names a .creds file of this user");
    }
    s = natsOptions_SetUserCredentialsFromFiles(nats_options, options.credentials.c_str(), nullptr);
  }
  const auto also = [&s](natsStatus next) {
    if (s == NATS_OK) s = next;
  };
  if (!options.user.empty()) {
    also(natsOptions_SetUserInfo(nats_options, options.user.c_str(), options.password.c_str()));
  }
  if (!options.token.empty()) also(natsOptions_SetToken(nats_options, options.token.c_str()));
  if (Status status = SetTls(nats_options, options); !status.ok()) return status;
  inbox_prefix_ = options.inbox_prefix;
  also(natsOptions_SetName(nats_options, "darkroom"));
  also(natsOptions_SetTimeout(nats_options, kConnectMs));
  also(natsOptions_SetWriteDeadline(nats_options, kWriteMs));
  also(natsOptions_SetMaxReconnect(nats_options, kReconnects));
  also(natsOptions_SetReconnectWait(nats_options, kReconnectWaitMs));
  also(natsOptions_SetSendAsap(nats_options, true));
  also(natsOptions_SetDisconnectedCB(nats_options, OnDisconnected, &events_));
  also(natsOptions_SetReconnectedCB(nats_options, OnReconnected, &events_));
  also(natsOptions_SetClosedCB(nats_options, OnClosed, &events_));
  also(natsOptions_SetErrorHandler(nats_options, OnError, &events_));
  if (s != NATS_OK) return Status::Internal("cannot set up NATS: " + Reason(s));
  return {};
}

Status Client::SetTls(natsOptions* nats_options, const ConnectOptions& options) {
  natsStatus s = NATS_OK;
  const std::string* file = &options.authorities;
  if (!options.authorities.empty()) {
    s = natsOptions_LoadCATrustedCertificates(nats_options, options.authorities.c_str());
  }
  if (s == NATS_OK && !options.certificate.empty()) {
    file = &options.certificate;
    s = natsOptions_LoadCertificatesChain(nats_options, options.certificate.c_str(),
                                          options.key.c_str());
  }
  if (s != NATS_OK) {
    return Status::FailedPrecondition(
        fmt::format("cannot use the certificates of '{}': {}", *file, Reason(s)),
        "cert, key and ca of a context are PEM files that this user may read");
  }
  if (options.tls_first) s = natsOptions_TLSHandshakeFirst(nats_options);
  if (s == NATS_OK) return {};
  return Status::Internal("cannot set up TLS: " + Reason(s));
}

Outcome<std::unique_ptr<Client>> Client::Connect(const ConnectOptions& options) {
  std::unique_ptr<Client> client(new Client(WithoutPasswords(options.url)));
  natsOptions* raw = nullptr;
  if (const natsStatus s = natsOptions_Create(&raw); s != NATS_OK) {
    return Failure::Local(Status::Internal("cannot set up NATS: " + Reason(s)));
  }
  const std::unique_ptr<natsOptions, FreeOptions> nats_options(raw);
  if (Status status = client->SetOptions(raw, options); !status.ok()) {
    return Failure::Local(std::move(status));
  }
  const natsStatus s = natsConnection_Connect(&client->connection_, raw);
  if (s == NATS_OK) return client;
  if (s == NATS_CONNECTION_AUTH_FAILED || s == NATS_NOT_PERMITTED) {
    return Failure::Local({Code::kUnauthorized,
                           fmt::format("{} refused the connection: {}", client->url(), Reason(s)),
                           "give credentials with --creds FILE, or a user in --url"});
  }
  std::string reason = Reason(s);
  if (s == NATS_NO_SERVER) {
    const std::string why = WhyUnreachable(SplitUrls(options.url).front());
    if (!why.empty()) reason = why;
  }
  return Failure::Unreachable(fmt::format("cannot connect to {}: {}", client->url(), reason),
                              "is the NATS server running there? --url or NATS_URL names another");
}

size_t Client::max_payload() const {
  return static_cast<size_t>(std::max<int64_t>(0, natsConnection_GetMaxPayload(connection_)));
}

Status Client::Subscribe(const std::string& subject, int number) {
  auto subscription = std::make_unique<Subscription>();
  subscription->events = &events_;
  subscription->number = number;
  const natsStatus s = natsConnection_Subscribe(&subscription->handle, connection_, subject.c_str(),
                                                Subscription::OnMessage, subscription.get());
  if (s != NATS_OK) {
    return Status::Internal(fmt::format("cannot subscribe to {}: {}", subject, Reason(s)));
  }
  // A reply of many megabytes would be dropped at NATS.c's own limit for a subscription that nobody
  // reads meanwhile.
  natsSubscription_SetPendingLimits(subscription->handle, -1, -1);
  subscriptions_.push_back(std::move(subscription));
  return {};
}

void Client::Unsubscribe(int number) {
  for (auto& one : subscriptions_) {
    if (one->number != number) continue;
    // It goes when the last callback that uses it has returned.
    Subscription* const subscription = one.release();
    natsSubscription* const handle = subscription->handle;
    natsSubscription_SetOnCompleteCB(
        handle, [](void* self) { delete static_cast<Subscription*>(self); }, subscription);
    natsSubscription_Unsubscribe(handle);
    natsSubscription_Destroy(handle);
  }
  std::erase(subscriptions_, nullptr);
}

Result<std::string> Client::MakeInbox() {
  natsInbox* inbox = nullptr;
  if (const natsStatus s = natsInbox_Create(&inbox); s != NATS_OK) {
    return Status::Internal("cannot make an inbox: " + Reason(s));
  }
  std::string subject(inbox);
  natsInbox_Destroy(inbox);
  if (!inbox_prefix_.empty()) subject = inbox_prefix_ + subject.substr(subject.find('.'));
  return subject;
}

void Client::FreeMessage::operator()(natsMsg* message) const { natsMsg_Destroy(message); }

Result<Client::MessagePointer> Client::Make(const Outgoing& message,
                                            const std::string& reply_to) const {
  natsMsg* raw = nullptr;
  const char* const reply = reply_to.empty() ? nullptr : reply_to.c_str();
  natsStatus s = natsMsg_Create(&raw, message.subject.c_str(), reply, nullptr, 0);
  MessagePointer owner(raw);
  for (const auto& [name, value] : message.headers) {
    if (s == NATS_OK) s = natsMsgHeader_Set(raw, name.c_str(), value.c_str());
  }
  const size_t headers = s == NATS_OK ? static_cast<size_t>(natsMsgHeader_EncodedLength(raw)) : 0;
  const size_t total = headers + message.body.size();
  if (const size_t limit = max_payload(); limit > 0 && total > limit) {
    return Status{
        Code::kTooLarge,
        fmt::format(
            "the request has {} ({} bytes with its headers), and the server at {} takes {} at most",
            FormatSize(message.body.size()), total, url_, FormatSize(limit)),
        "send a smaller input, raise max_payload in the server's configuration, or let daemons "
        "have "
        "durable jobs (jobs: {enabled: true}), which bring an object store for larger ones"};
  }
  if (s == NATS_OK && !message.body.empty()) {
    s = natsMsg_SetData(raw, message.body.data(), static_cast<int>(message.body.size()));
  }
  if (s == NATS_OK) return owner;
  return Status::Internal(fmt::format("cannot send to {}: {}", message.subject, Reason(s)));
}

Status Client::Send(const Outgoing& message, const std::string& reply_to) {
  const Result<MessagePointer> made = Make(message, reply_to);
  if (!made.ok()) return made.status();
  const natsStatus s = natsConnection_SendMsg(connection_, made->get());
  if (s == NATS_OK) return {};
  return Status::Internal(fmt::format("cannot send to {}: {}", message.subject, Reason(s)));
}

std::string WithoutPasswords(const std::string& urls) {
  std::string clean;
  for (const std::string& url : SplitUrls(urls)) {
    if (!clean.empty()) clean += ',';
    clean += WithoutSecrets(url);
  }
  return clean;
}

}  // namespace darkroom
