// SPDX-License-Identifier: Apache-2.0

#include "cli/jet_stream.h"

#include <fmt/format.h>
#include <nats/nats.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

namespace darkroom {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kWaitMs = 5'000;
// A server that restarts is back within seconds, its streams somewhat later.
constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kPause{250};

struct FreeSubscription {
  void operator()(natsSubscription* subscription) const {
    // Without this the consumer would be left behind for some minutes.
    natsSubscription_Unsubscribe(subscription);
    natsSubscription_Destroy(subscription);
  }
};
using SubscriptionPointer = std::unique_ptr<natsSubscription, FreeSubscription>;

void SetOptions(const StreamQuery& query, jsSubOptions* options) {
  jsSubOptions_Init(options);
  options->Stream = query.stream.c_str();
  options->Ordered = true;
  jsConsumerConfig& config = options->Config;
  config.HeadersOnly = query.headers_only;
  if (query.last_of_each) {
    config.DeliverPolicy = js_DeliverLastPerSubject;
  } else if (query.only_new) {
    config.DeliverPolicy = js_DeliverNew;
  } else if (query.from > 0) {
    config.DeliverPolicy = js_DeliverByStartSequence;
    config.OptStartSeq = query.from;
  } else if (query.since) {
    config.DeliverPolicy = js_DeliverByStartTime;
    config.OptStartTime =
        std::chrono::duration_cast<std::chrono::nanoseconds>(query.since->time_since_epoch())
            .count();
  } else {
    config.DeliverPolicy = js_DeliverAll;
  }
}

bool MayComeBack(natsStatus status) {
  return status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS ||
         status == NATS_CONNECTION_DISCONNECTED || status == NATS_NO_SERVER;
}

}  // namespace

struct JetStream::Watching {
  EventQueue* events = nullptr;
  int number = 0;
  SubscriptionPointer handle;

  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    auto* watching = static_cast<Watching*>(self);
    watching->events->Put({Event::Kind::kMessage, watching->number, Incoming(message), {}});
  }
};

JetStream::JetStream(Client* client) : client_(*client) {}

Outcome<std::unique_ptr<JetStream>> JetStream::Open(Client* client) {
  std::unique_ptr<JetStream> streams(new JetStream(client));
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = kWaitMs;
  const natsStatus s = natsConnection_JetStream(&streams->context_, client->connection_, &options);
  if (s != NATS_OK) return streams->Explain("set up JetStream", s, 0);
  return streams;
}

JetStream::~JetStream() {
  for (auto& watching : watches_) {
    watching->handle.reset();
    // A callback may be on its way still; the client is closed after the last of them.
    client_.KeepUntilClosed(std::shared_ptr<void>(
        watching.release(), [](void* pointer) { delete static_cast<Watching*>(pointer); }));
  }
  jsCtx_Destroy(context_);
}

Failure JetStream::Explain(std::string_view doing, int status, int error) const {
  const auto s = static_cast<natsStatus>(status);
  if (s == NATS_NO_RESPONDERS || error == JSNotEnabledErr || error == JSNotEnabledForAccountErr) {
    return Failure::Local(Status::FailedPrecondition(
        fmt::format("the NATS server at {} has no JetStream", client_.url()),
        "it keeps jobs and large messages: start it with JetStream (nats-server -js), or let "
        "darkroomd do so (nats: {embedded: true})"));
  }
  if (s == NATS_CONNECTION_CLOSED) {
    return Failure::Unreachable(
        fmt::format("cannot {}: the connection to {} was lost", doing, client_.url()),
        "try again when the server is back");
  }
  const char* detail = nats_GetLastError(nullptr);
  const std::string reason = detail != nullptr && *detail != '\0' ? detail : natsStatus_GetText(s);
  if (s == NATS_TIMEOUT || s == NATS_CONNECTION_DISCONNECTED) {
    // A server that forbids a request does not answer it; it tells the connection.
    std::array<char, 512> text{};
    const natsStatus last =
        natsConnection_ReadLastError(client_.connection_, text.data(), text.size());
    if (last == NATS_NOT_PERMITTED) {
      return Failure::Local(
          {Code::kUnauthorized,
           fmt::format("{} does not allow this: {}", client_.url(), text.data()),
           "this user needs to publish to $JS.API.> and to the subjects of jobs"});
    }
    return Failure::Unreachable(fmt::format("cannot {}: {} does not answer", doing, client_.url()),
                                "is the server well, and its JetStream? try again");
  }
  return Failure::Local(Status::Internal(fmt::format(
      "cannot {}: {}", doing,
      reason.substr(reason.find("): ") == std::string::npos ? 0 : reason.find("): ") + 3))));
}

// A stream with limits says in words which it has reached.
Failure JetStream::Full(int status) const {
  Failure why = Explain("submit", status, 0);
  if (why.status.message().find("maximum") == std::string::npos) return why;
  return Failure::Local(Status{
      Code::kBusy, fmt::format("{} takes no more jobs: {}", client_.url(), why.status.message()),
      "wait until some have ended; jobs.max_waiting of the daemon's configuration says how "
      "many may wait"});
}

Outcome<JetStream::Stored> JetStream::Publish(const Outgoing& message) {
  const Result<Client::MessagePointer> made = client_.Make(message, {});
  if (!made.ok()) return Failure::Local(made.status());
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MaxWait = kWaitMs;
  const auto until = Clock::now() + kPatience;
  while (true) {
    jsPubAck* ack = nullptr;
    auto error = static_cast<jsErrCode>(0);
    const natsStatus s = js_PublishMsg(&ack, context_, made->get(), &options, &error);
    if (s == NATS_OK) {
      const Stored stored{ack->Sequence, ack->Duplicate};
      jsPubAck_Destroy(ack);
      return stored;
    }
    if (client_.events().interrupted()) return Failure::Interrupted("interrupted");
    if (error == JSStreamStoreFailedErr) return Full(s);
    if (!MayComeBack(s) || Clock::now() >= until) {
      return Explain("submit to " + message.subject, s, error);
    }
    std::this_thread::sleep_for(kPause);
  }
}

Outcome<bool> JetStream::HasStream(const std::string& stream) {
  jsStreamInfo* info = nullptr;
  auto error = static_cast<jsErrCode>(0);
  const natsStatus s = js_GetStreamInfo(&info, context_, stream.c_str(), nullptr, &error);
  jsStreamInfo_Destroy(info);
  if (s == NATS_OK) return true;
  if (s == NATS_NOT_FOUND || error == JSStreamNotFoundErr) return false;
  return Explain("look for the stream " + stream, s, error);
}

Outcome<uint64_t> JetStream::Count(const std::string& stream, const std::string& subject) {
  jsOptions options;
  jsOptions_Init(&options);
  options.Stream.Info.SubjectsFilter = subject.c_str();
  jsStreamInfo* info = nullptr;
  auto error = static_cast<jsErrCode>(0);
  const natsStatus s = js_GetStreamInfo(&info, context_, stream.c_str(), &options, &error);
  if (s != NATS_OK) return Explain("count what is in the stream " + stream, s, error);
  uint64_t messages = 0;
  if (const jsStreamStateSubjects* subjects = info->State.Subjects; subjects != nullptr) {
    for (int i = 0; i < subjects->Count; ++i) messages += subjects->List[i].Msgs;
  }
  jsStreamInfo_Destroy(info);
  return messages;
}

Outcome<bool> JetStream::HasConsumer(const std::string& stream, const std::string& consumer) {
  jsConsumerInfo* info = nullptr;
  auto error = static_cast<jsErrCode>(0);
  const natsStatus s =
      js_GetConsumerInfo(&info, context_, stream.c_str(), consumer.c_str(), nullptr, &error);
  jsConsumerInfo_Destroy(info);
  if (s == NATS_OK) return true;
  if (s == NATS_NOT_FOUND) return false;
  return Explain("look for the consumer " + consumer, s, error);
}

Outcome<std::optional<Incoming>> JetStream::Last(const std::string& stream,
                                                 const std::string& subject) {
  jsDirectGetMsgOptions options;
  jsDirectGetMsgOptions_Init(&options);
  options.LastBySubject = subject.c_str();
  natsMsg* message = nullptr;
  const auto until = Clock::now() + kPatience / 6;
  while (true) {
    const natsStatus s = js_DirectGetMsg(&message, context_, stream.c_str(), nullptr, &options);
    if (s == NATS_OK) return std::optional(Incoming(message));
    if (s == NATS_NOT_FOUND) return std::optional<Incoming>();
    // Nobody answers for a stream that is not there, nor for one of a server that starts.
    if (!MayComeBack(s) || Clock::now() >= until || client_.events().interrupted()) {
      return Explain("read " + subject, s, 0);
    }
    std::this_thread::sleep_for(kPause);
  }
}

Outcome<uint64_t> JetStream::CountPending(natsSubscription* subscription) const {
  jsConsumerInfo* info = nullptr;
  auto error = static_cast<jsErrCode>(0);
  const natsStatus s = natsSubscription_GetConsumerInfo(&info, subscription, nullptr, &error);
  if (s != NATS_OK) return Explain("read from a stream", s, error);
  const uint64_t count = info->NumPending + info->Delivered.Consumer;
  jsConsumerInfo_Destroy(info);
  return count;
}

std::optional<Failure> JetStream::Walk(const StreamQuery& query,
                                       const std::function<bool(const Incoming&)>& each) {
  jsSubOptions options;
  SetOptions(query, &options);
  natsSubscription* raw = nullptr;
  auto error = static_cast<jsErrCode>(0);
  natsStatus s = js_SubscribeSync(&raw, context_, query.subject.c_str(), nullptr, &options, &error);
  if (s != NATS_OK) return Explain("read the stream " + query.stream, s, error);
  const SubscriptionPointer subscription(raw);
  natsSubscription_SetPendingLimits(raw, -1, -1);
  Outcome<uint64_t> count = CountPending(raw);
  if (auto* failure = std::get_if<Failure>(&count)) return std::move(*failure);
  if (std::get<uint64_t>(count) == 0) return std::nullopt;
  while (true) {
    natsMsg* message = nullptr;
    s = natsSubscription_NextMsg(&message, raw, kWaitMs);
    if (s != NATS_OK) return Explain("read the stream " + query.stream, s, 0);
    const Incoming incoming(message);
    if (!each(incoming) || incoming.Place().behind == 0) return std::nullopt;
    if (client_.events().interrupted()) return Failure::Interrupted("interrupted");
  }
}

Outcome<uint64_t> JetStream::Watch(const StreamQuery& query, int number) {
  jsSubOptions options;
  SetOptions(query, &options);
  auto watching = std::make_unique<Watching>();
  watching->events = &client_.events();
  watching->number = number;
  natsSubscription* raw = nullptr;
  auto error = static_cast<jsErrCode>(0);
  const natsStatus s = js_Subscribe(&raw, context_, query.subject.c_str(), Watching::OnMessage,
                                    watching.get(), nullptr, &options, &error);
  if (s != NATS_OK) return Explain("watch the stream " + query.stream, s, error);
  natsSubscription_SetPendingLimits(raw, -1, -1);
  watching->handle.reset(raw);
  watches_.push_back(std::move(watching));
  return CountPending(raw);
}

void JetStream::Unwatch(int number) {
  for (auto& watching : watches_) {
    if (watching->number == number) watching->handle.reset();
  }
}

std::optional<Failure> JetStream::Delete(const std::string& stream, uint64_t sequence) {
  auto error = static_cast<jsErrCode>(0);
  const natsStatus s = js_DeleteMsg(context_, stream.c_str(), sequence, nullptr, &error);
  // Somebody else was faster.
  if (s == NATS_OK || s == NATS_NOT_FOUND || error == JSNoMessageFoundErr) return std::nullopt;
  return Explain(fmt::format("delete message {} of {}", sequence, stream), s, error);
}

}  // namespace darkroom
