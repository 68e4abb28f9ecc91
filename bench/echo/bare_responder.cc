// SPDX-License-Identifier: Apache-2.0
//
// bare_responder: the least that can answer over NATS in C, as the measure for what the daemon
// adds. It replies on the delivery thread with the request's own bytes, in one of four
// ways:
// - queue: natsConnection_Publish, NATS.c as it comes: its flusher gathers small replies for up to
//   1 ms;
// - asap: the same with natsOptions_SetSendAsap: no flusher, each publish writes;
// - send: natsConnection_Send: each reply is written before the call returns;
// - receipt: as queue, with a reply that has as many headers as the daemon's receipt.
// It prints "ready" once subscribed and ends at SIGTERM or SIGINT.

#include <nats/nats.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <iostream>
#include <utility>

namespace {

// Never reached by a closed loop; a drop here would count against the responder.
constexpr int kPendingBytes = 1 << 30;

void PublishBack(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                         natsMsg_GetDataLength(message));
  natsMsg_Destroy(message);
}

void SendBack(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  natsConnection_Send(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                      natsMsg_GetDataLength(message));
  natsMsg_Destroy(message);
}

// Names and lengths as in a reply of the daemon's.
void PublishReceipt(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  static constexpr std::array<std::pair<const char*, const char*>, 10> kHeaders = {{
      {"Content-Type", "application/octet-stream"},
      {"Darkroom-Job", "0123456789abcdef"},
      {"Darkroom-Model", "echo"},
      {"Darkroom-Plugin",
       "echo 1.0.0 sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"Darkroom-Host", "bench"},
      {"Darkroom-Device", "cpu"},
      {"Darkroom-Queue-Ms", "0.123"},
      {"Darkroom-Load-Ms", "0.000"},
      {"Darkroom-Run-Ms", "0.012"},
      {"Darkroom-Attempts", "1"},
  }};
  natsMsg* reply = nullptr;
  natsMsg_Create(&reply, natsMsg_GetReply(message), nullptr, nullptr, 0);
  for (const auto& [name, value] : kHeaders) natsMsgHeader_Set(reply, name, value);
  natsMsg_SetData(reply, natsMsg_GetData(message), natsMsg_GetDataLength(message));
  natsConnection_PublishMsg(connection, reply);
  natsMsg_Destroy(reply);
  natsMsg_Destroy(message);
}

int Fail(const char* what, natsStatus status) {
  std::cerr << "bare_responder: " << what << ": " << natsStatus_GetText(status) << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string url;
  std::string subject;
  std::string mode;
  CLI::App app("Bare NATS.c echo responder.");
  app.add_option("--url", url, "NATS server")->required();
  app.add_option("--subject", subject, "Subject to answer on")->required();
  app.add_option("--mode", mode, "How replies are sent")
      ->required()
      ->check(CLI::IsMember({"queue", "asap", "send", "receipt"}));
  CLI11_PARSE(app, argc, argv);

  // Blocked before NATS.c starts its threads, which inherit the mask: only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  natsOptions* options = nullptr;
  natsOptions_Create(&options);
  natsOptions_SetURL(options, url.c_str());
  natsOptions_SetName(options, ("bare-" + mode).c_str());
  if (mode == "asap") natsOptions_SetSendAsap(options, true);
  natsConnection* connection = nullptr;
  natsStatus status = natsConnection_Connect(&connection, options);
  natsOptions_Destroy(options);
  if (status != NATS_OK) return Fail("cannot connect", status);

  natsSubscription* subscription = nullptr;
  const natsMsgHandler answer = mode == "send"      ? SendBack
                                : mode == "receipt" ? PublishReceipt
                                                    : PublishBack;
  status = natsConnection_QueueSubscribe(&subscription, connection, subject.c_str(), "bare", answer,
                                         nullptr);
  if (status == NATS_OK)
    status = natsSubscription_SetPendingLimits(subscription, -1, kPendingBytes);
  if (status == NATS_OK) status = natsConnection_FlushTimeout(connection, 5000);
  if (status != NATS_OK) return Fail("cannot subscribe", status);
  std::cout << "ready" << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(connection);
  nats_CloseAndWait(2000);
  return 0;
}
