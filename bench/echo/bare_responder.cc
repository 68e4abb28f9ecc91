// SPDX-License-Identifier: Apache-2.0
//
// bare_responder: the least that can answer over NATS in C, as the measure for what the daemon
// adds. It replies on the delivery thread with the request's own bytes, in one of three ways of
// sending:
//   queue  natsConnection_Publish, NATS.c as it comes: its flusher thread gathers small replies for
//   up to 1 ms asap   the same with natsOptions_SetSendAsap: no flusher, each publish writes send
//   natsConnection_Send: each reply is written before the call returns, and the flusher is left
//   alone
// It prints "ready" once subscribed and ends at SIGTERM or SIGINT.

#include <nats/nats.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

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
      ->check(CLI::IsMember({"queue", "asap", "send"}));
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
  status = natsConnection_QueueSubscribe(&subscription, connection, subject.c_str(), "bare",
                                         mode == "send" ? SendBack : PublishBack, nullptr);
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
