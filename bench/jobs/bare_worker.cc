// SPDX-License-Identifier: Apache-2.0
//
// bare_worker: the least that can take jobs from a JetStream work queue in C, as the measure for
// what the daemon adds. It makes its streams as the daemon makes its own, NAME with the subject
// bench.NAME.jobs, pulls many jobs at a time, and on the delivery thread does one of two things
// with each:
// - consume: acknowledges it. No result, no state; nobody would know that it was done.
// - result: publishes its own bytes to bench.NAME.results.<id> of the stream NAME_results, on the
//   condition that there is none, and acknowledges the job once the server says that the result is
//   stored. The least that answers a job once.
// It prints "ready" once it pulls, and ends at SIGTERM or SIGINT.

#include <nats/nats.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <csignal>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace {

// As many as the load generators ever have on their way, and as many again on theirs.
constexpr int kFetch = 128;
constexpr int kKeepAhead = 64;
constexpr int64_t kDuplicateWindowNs = 120'000'000'000;

class BareWorker {
 public:
  BareWorker(std::string name, bool stores) : name_(std::move(name)), stores_(stores) {}

  natsStatus Start(const std::string& url);
  void Stop();

 private:
  static void OnJob(natsConnection*, natsSubscription*, natsMsg* job, void* self) {
    static_cast<BareWorker*>(self)->Take(job);
    natsMsg_Destroy(job);
  }
  static void OnStored(natsConnection*, natsSubscription*, natsMsg* answer, void* self) {
    static_cast<BareWorker*>(self)->Stored(answer);
    natsMsg_Destroy(answer);
  }

  natsStatus MakeStream(const std::string& name, const std::string& subject, bool queue);
  natsStatus Pull();
  void Take(natsMsg* job);
  void Stored(natsMsg* answer);
  void Acknowledge(const std::string& subject) {
    natsConnection_PublishString(connection_, subject.c_str(), "+ACK");
  }

  const std::string name_;
  const bool stores_;
  natsConnection* connection_ = nullptr;
  jsCtx* js_ = nullptr;
  natsSubscription* jobs_ = nullptr;
  natsSubscription* answers_ = nullptr;
  std::string inbox_;

  std::mutex mutex_;
  uint64_t last_ = 0;                                   // guarded by mutex_, as is the one below
  std::unordered_map<uint64_t, std::string> unstored_;  // where each is to be acknowledged
};

natsStatus BareWorker::MakeStream(const std::string& name, const std::string& subject, bool queue) {
  const char* subjects[] = {subject.c_str()};
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = name.c_str();
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.Retention = queue ? js_WorkQueuePolicy : js_LimitsPolicy;
  config.Discard = queue ? js_DiscardNew : js_DiscardOld;
  config.Storage = js_FileStorage;
  config.AllowDirect = true;
  config.Duplicates = kDuplicateWindowNs;
  return js_AddStream(nullptr, js_, &config, nullptr, nullptr);
}

natsStatus BareWorker::Pull() {
  jsSubOptions subscribe;
  jsSubOptions_Init(&subscribe);
  subscribe.Stream = name_.c_str();
  subscribe.ManualAck = true;
  subscribe.Config.AckPolicy = js_AckExplicit;
  subscribe.Config.MaxAckPending = 10'000;
  jsOptions pull;
  jsOptions_Init(&pull);
  pull.PullSubscribeAsync.FetchSize = kFetch;
  pull.PullSubscribeAsync.KeepAhead = kKeepAhead;
  const std::string subject = "bench." + name_ + ".jobs";
  return js_PullSubscribeAsync(&jobs_, js_, subject.c_str(), name_.c_str(), OnJob, this, &pull,
                               &subscribe, nullptr);
}

natsStatus BareWorker::Start(const std::string& url) {
  natsOptions* options = nullptr;
  natsOptions_Create(&options);
  natsOptions_SetURL(options, url.c_str());
  natsOptions_SetName(options, name_.c_str());
  natsStatus status = natsConnection_Connect(&connection_, options);
  natsOptions_Destroy(options);
  if (status == NATS_OK) status = natsConnection_JetStream(&js_, connection_, nullptr);
  if (status == NATS_OK) status = MakeStream(name_, "bench." + name_ + ".jobs", /*queue=*/true);
  if (status == NATS_OK && stores_) {
    status = MakeStream(name_ + "_results", "bench." + name_ + ".results.*", /*queue=*/false);
  }
  natsInbox* inbox = nullptr;
  if (status == NATS_OK) status = natsInbox_Create(&inbox);
  if (status == NATS_OK) {
    inbox_ = std::string(inbox) + ".";
    status =
        natsConnection_Subscribe(&answers_, connection_, (inbox_ + "*").c_str(), OnStored, this);
  }
  natsInbox_Destroy(inbox);
  return status == NATS_OK ? Pull() : status;
}

void BareWorker::Take(natsMsg* job) {
  const std::string acknowledge = natsMsg_GetReply(job);
  if (!stores_) return Acknowledge(acknowledge);
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++last_;
    unstored_.emplace(number, acknowledge);
  }
  const char* id = "";
  natsMsgHeader_Get(job, "Nats-Msg-Id", &id);
  natsMsg* result = nullptr;
  natsMsg_Create(&result, ("bench." + name_ + ".results." + id).c_str(),
                 (inbox_ + std::to_string(number)).c_str(), natsMsg_GetData(job),
                 natsMsg_GetDataLength(job));
  natsMsgHeader_Set(result, "Nats-Msg-Id", id);
  natsMsgHeader_Set(result, "Nats-Expected-Last-Subject-Sequence", "0");
  natsConnection_PublishMsg(connection_, result);
  natsMsg_Destroy(result);
}

void BareWorker::Stored(natsMsg* answer) {
  const std::string_view subject = natsMsg_GetSubject(answer);
  uint64_t number = 0;
  std::from_chars(subject.data() + inbox_.size(), subject.data() + subject.size(), number);
  const std::string_view data(natsMsg_GetData(answer),
                              static_cast<std::size_t>(natsMsg_GetDataLength(answer)));
  std::string acknowledge;
  {
    const std::lock_guard lock(mutex_);
    const auto found = unstored_.find(number);
    if (found == unstored_.end()) return;
    acknowledge = std::move(found->second);
    unstored_.erase(found);
  }
  if (data.find("\"error\"") != std::string_view::npos) {
    // Unacknowledged it is missed by whoever counts.
    std::cerr << "bare_worker: not stored: " << data << std::endl;
    return;
  }
  Acknowledge(acknowledge);
}

void BareWorker::Stop() {
  natsSubscription_Destroy(jobs_);
  natsSubscription_Destroy(answers_);
  jsCtx_Destroy(js_);
  natsConnection_Destroy(connection_);
  nats_CloseAndWait(2000);
}

}  // namespace

int main(int argc, char** argv) {
  std::string url;
  std::string name;
  std::string mode;
  CLI::App app("Bare consumer of a JetStream work queue.");
  app.add_option("--url", url, "NATS server")->required();
  app.add_option("--name", name, "Of its stream, and in its subjects")->required();
  app.add_option("--mode", mode, "What it does with a job")
      ->required()
      ->check(CLI::IsMember({"consume", "result"}));
  CLI11_PARSE(app, argc, argv);

  // Blocked before NATS.c starts its threads, which inherit the mask: only sigwait below sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  BareWorker worker(name, mode == "result");
  if (const natsStatus status = worker.Start(url); status != NATS_OK) {
    std::cerr << "bare_worker: " << natsStatus_GetText(status) << ": " << nats_GetLastError(nullptr)
              << "\n";
    return 1;
  }
  std::cout << "ready" << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  worker.Stop();
  return 0;
}
