// SPDX-License-Identifier: Apache-2.0

#include "durable_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/coroutine.h"
#include "core/excerpt.h"
#include "core/json.h"
#include "reply/replier.h"

namespace darkroom {
namespace {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr auto kTryStreamsAgain = std::chrono::seconds(2);
// What a header may hold of params, in bytes.
constexpr size_t kLongestParams = 4096;
constexpr const char* kReplyToHeader = "Darkroom-Reply-To";

// A host that was lost in a job's first moments is forgiven so often.
constexpr uint64_t kMostSilentDeliveries = 20;

milliseconds Since(system_clock::time_point then) {
  const auto passed = std::chrono::duration_cast<milliseconds>(system_clock::now() - then);
  return std::max(passed, milliseconds(0));  // clocks of two machines
}

std::string MakeInbox() {
  std::random_device random;
  return fmt::format("_INBOX.dr{:08x}{:08x}", random(), random());
}

// What made a result, for whoever reads the state. `params`: JSON, complete.
nlohmann::json ReceiptOf(const Receipt& receipt, const std::string& params) {
  const auto ms = [](double value) { return std::round(value * 1000) / 1000; };
  nlohmann::json out = {{"device", receipt.device},
                        {"queue_ms", ms(receipt.queue_ms)},
                        {"load_ms", ms(receipt.load_ms)},
                        {"run_ms", ms(receipt.run_ms)},
                        {"attempts", receipt.attempts},
                        {"params", nlohmann::json::parse(params)}};  // written by WriteJson
  if (!receipt.waited.empty()) out["waited"] = receipt.waited;
  if (receipt.model != nullptr) {
    out["plugin"] = receipt.model->plugin;
    out["host"] = receipt.model->host;
    if (!receipt.model->weights.empty()) out["weights"] = receipt.model->weights;
  }
  const auto seed = out["params"].find("seed");
  if (seed != out["params"].end() && seed->is_number()) out["seed"] = *seed;
  return out;
}

}  // namespace

DurableJobs::DurableJobs(const Parts& parts)
    : parts_(parts),
      names_(parts.config.nats.prefix),
      requester_(parts.io, parts.publisher, MakeInbox()),
      jetstream_(requester_),
      streams_(jetstream_, names_, parts.config.jobs),
      states_(parts.io, jetstream_, names_),
      waiting_(parts.io, states_, parts.log),
      changes_(parts.io) {}

DurableJobs::~DurableJobs() = default;

Status DurableJobs::Open(const ServerLink& link) {
  // Of their own: jobs' payloads keep no request waiting, and answers are heard until the end.
  auto connection = Connection::Open(link, "jobs", this);
  if (!connection.ok()) return connection.status();
  intake_ = std::make_unique<Intake>(parts_.io, std::move(*connection), [this](Arrival arrival) {
    handlers_[arrival.subscription](std::move(arrival.message));
  });
  handlers_.emplace_back([this](Message message) { requester_.OnAnswer(std::move(message)); });
  handlers_.emplace_back([this](const Message& message) { waiting_.OnAnnounced(message); });
  Status status = intake_->Subscribe(requester_.subject(), "", 0);
  if (status.ok()) {
    status = intake_->Subscribe(names_.Announced("*", "*"), parts_.config.nats.queue_group,
                                kAnnouncements);
  }
  return status;
}

void DurableJobs::OnConnected() {
  boost::asio::post(parts_.io, [this] {
    for (const auto& feed : feeds_) feed->puller->OnConnected();
  });
}

void DurableJobs::Serve(const std::shared_ptr<Model>& model) {
  if (stopping_) return;
  const bool known = std::any_of(feeds_.begin(), feeds_.end(), [&](const auto& feed) {
    return feed->model == model && !feed->leaving;
  });
  if (known) {
    Refresh(*model);
    return;
  }
  waiting_models_[model->config.name] = model;
  if (!std::exchange(begun_, true)) {
    StartCoroutine(parts_.io, Begin());
  } else if (ready_) {
    StartCoroutine(parts_.io, AddFeeds(model));
  }
}

void DurableJobs::Leave(const std::shared_ptr<Model>& model) {
  const auto waiting = waiting_models_.find(model->config.name);
  if (waiting != waiting_models_.end() && waiting->second == model) {
    waiting_models_.erase(waiting);
    return;
  }
  const auto feeding = [&](const auto& feed) { return feed->model == model; };
  const auto feeds = std::count_if(feeds_.begin(), feeds_.end(), feeding);
  if (feeds < static_cast<std::ptrdiff_t>(std::size(kJobClasses))) left_.insert(model);
  for (const auto& feed : feeds_) {
    if (feeding(feed) && !feed->leaving) Drop(feed.get());
  }
}

// What the server has sent is taken; it goes with its last message.
void DurableJobs::Drop(Feed* feed) {
  feed->leaving = true;
  feed->puller->Want(0);
  intake_->Unsubscribe(feed->subscription, [this, feed] {
    handlers_[feed->subscription] = nullptr;
    std::erase_if(feeds_, [feed](const auto& one) { return one.get() == feed; });
  });
}

awaitable<void> DurableJobs::Begin() {
  std::string told;
  while (!stopping_) {
    const Status status = co_await streams_.Ensure();
    if (status.ok()) break;
    // Once: the server may be away for long.
    if (std::exchange(told, status.ToString()) != status.ToString()) {
      parts_.log.error("durable jobs wait for their streams: {}", status.ToString());
    }
    co_await Sleep(kTryStreamsAgain);
  }
  if (stopping_) co_return;
  ready_ = true;
  parts_.log.info("durable jobs: {} and {} are there", names_.jobs, names_.results);
  const auto models = waiting_models_;
  for (const auto& [name, model] : models) {
    const auto waiting = waiting_models_.find(name);
    if (waiting != waiting_models_.end() && waiting->second == model) co_await AddFeeds(model);
  }
  StartCoroutine(parts_.io, Beat());
}

awaitable<void> DurableJobs::AddFeeds(std::shared_ptr<Model> model) {
  waiting_models_.erase(model->config.name);
  for (const std::string_view job_class : kJobClasses) {
    Status status = co_await streams_.EnsureConsumer(std::string(job_class), model->config.name);
    while (!status.ok() && !stopping_ && left_.count(model) == 0) {
      parts_.log.error("durable jobs of '{}': {}", model->config.name, status.ToString());
      co_await Sleep(kTryStreamsAgain);
      status = co_await streams_.EnsureConsumer(std::string(job_class), model->config.name);
    }
    if (stopping_ || left_.erase(model) > 0) co_return;
    auto feed = std::make_unique<Feed>();
    feed->model = model;
    feed->job_class = job_class;
    const std::string inbox = MakeInbox();
    const std::string consumer = DurableNames::Consumer(job_class, model->config.name);
    Feed* const to = feed.get();
    feed->puller = std::make_unique<Puller>(
        parts_.io, parts_.publisher, Puller::Source{names_.jobs, consumer, inbox},
        [this, to](Message message) { StartCoroutine(parts_.io, Take(to, std::move(message))); });
    handlers_.emplace_back([to](Message message) { to->puller->OnMessage(std::move(message)); });
    feed->subscription = static_cast<uint32_t>(handlers_.size() - 1);
    status = intake_->Subscribe(inbox, "", feed->subscription);
    if (!status.ok()) parts_.log.error("durable jobs: {}", status.ToString());
    feeds_.push_back(std::move(feed));
  }
  // The server must have heard of the inboxes before it sends to them.
  if (const Status status = intake_->Confirm(); !status.ok()) {
    parts_.log.warn("durable jobs: {}", status.ToString());
  }
  Refresh(*model);
}

void DurableJobs::Refresh(const Model& model) {
  // As many as the lanes run and have at hand, with full batches.
  const uint32_t most = 2 * model.SoonLanes() * std::max(model.contract->max_batch, 1U);
  const auto here =
      static_cast<uint32_t>(std::count_if(held_.begin(), held_.end(), [&](const auto& job) {
        return job.second->model.get() == &model;
      }));
  const bool rests = model.resting_until > std::chrono::steady_clock::now();
  // What is not taken can be run by another host, whose devices answer.
  const bool takes = !stopping_ && !model.broken && !rests && !model.stranded;
  const uint32_t wanted = takes && here < most ? most - here : 0;
  for (const auto& feed : feeds_) {
    if (feed->model.get() == &model && !feed->leaving) feed->puller->Want(wanted);
  }
}

awaitable<void> DurableJobs::Take(Feed* feed, Message message) {
  auto delivery = Delivery::Parse(message.reply());
  if (!delivery) {
    parts_.log.error("durable jobs: '{}' is no delivery's subject", Excerpt(message.reply()));
    co_return;
  }
  // An id that cannot be part of a subject is refused below; its reply is stored under this one.
  const std::string id = JobIdOf(message, delivery->sequence);
  waiting_.OnTaken(id);
  if (const auto found = held_.find(id); found != held_.end()) {
    // Delivered again while it is here: the last subject counts.
    if (found->second->delivery.sequence == delivery->sequence) {
      found->second->delivery = *std::move(delivery);
    } else {
      Acknowledge(*delivery, "+ACK");  // the same job, submitted twice
    }
    Refresh(*feed->model);
    co_return;
  }
  const auto job = std::make_shared<Held>();
  held_.emplace(id, job);
  job->delivery = *std::move(delivery);
  job->model = feed->model;
  job->reply_to = message.Header(kReplyToHeader).value_or("");
  JobRecord& record = job->record();
  record.id = id;
  record.model = feed->model->config.name;
  record.job_class = feed->job_class;
  record.submitted = job->delivery.stored;
  const auto tags = ParseTags(message.Header("Darkroom-Tags").value_or(""));
  if (tags.ok()) record.tags = *tags;
  job->request = std::move(message);
  Refresh(*feed->model);

  if (!co_await Recall(job)) co_return;
  if (!tags.ok()) {
    auto reply = Failure(job, {}, tags.status());
    co_await Finish(job, std::move(reply));
    co_return;
  }
  if (co_await Fetch(job)) Run(job);
}

// Gets what the job refers to. False: it is settled.
awaitable<bool> DurableJobs::Fetch(HeldJob job) {
  if (!ObjectStore::HasReferences(job->request)) co_return true;
  const Status status =
      co_await parts_.objects.Attach(&job->request, parts_.config.limits.input_bytes);
  if (status.ok() && !stopping_) co_return true;
  if (stopping_ || status.code() == Code::kBusy) {
    co_await Return(job, stopping_ ? milliseconds(0) : kSoon);
  } else {
    auto reply = Failure(job, {}, status);
    co_await Finish(job, std::move(reply));
  }
  co_return false;
}

// What is known of the job from before. False: it is settled.
awaitable<bool> DurableJobs::Recall(HeldJob job) {
  JobRecord& record = job->record();
  // What comes for the first time may have been submitted, and have ended, long ago.
  auto kept = co_await states_.Get(record.id, job->delivery.delivered == 1);
  if (!kept.ok()) {
    parts_.log.warn("{} {}: {}", record.id, record.model, kept.status().ToString());
    co_await Return(job, kSoon);
    co_return false;
  }
  if (kept->has_value()) job->entry = **std::move(kept);
  if (stopping_) {
    co_await Return(job, milliseconds(0));
    co_return false;
  }
  if (record.ended()) {
    // Whoever cancelled it while it waited had no request to keep.
    if (record.state == JobState::kCancelled) KeepRequest(job);
    // Whoever wrote the end may have died before the reply went where it was wanted besides.
    const bool told = co_await Answer(job);
    Acknowledge(job->delivery, told ? "+ACK" : "-NAK");
    Release(job);
    co_return false;
  }
  const uint64_t before = job->delivery.delivered - 1;
  if (before == 0) co_return true;
  // A reply may be stored though nobody came to write so.
  if (co_await Settle(job)) co_return false;
  if (record.state == JobState::kRunning) {
    ++record.attempts;
    record.history.push_back(fmt::format("the host that ran it was lost ({})", record.host));
    record.Move(JobState::kQueued);
  }
  // Of a job that takes its host with it before anybody writes that it runs, the deliveries tell.
  const uint64_t told = uint64_t{record.attempts} + record.returned;
  const bool in_vain = before > told + kMostSilentDeliveries;
  if (record.attempts < parts_.config.jobs.max_attempts && !in_vain) co_return true;
  const Status why(Code::kInstanceLost,
                   fmt::format("the job was given to hosts {} times and never came to an end{}{}",
                               job->delivery.delivered - 1, record.history.empty() ? "" : ": ",
                               fmt::join(record.history, "; ")),
                   "the hosts' logs say more");
  auto reply = Failure(job, {}, why);
  co_await Finish(job, std::move(reply));
  co_return false;
}

void DurableJobs::Run(const HeldJob& job) {
  JobRecord& record = job->record();
  Refusal refusal;
  const Endpoint* endpoint = parts_.endpoint_of(record.model);
  Job* running = nullptr;
  if (endpoint == nullptr || endpoint->model->broken) {
    refusal.status = Status(Code::kBusy, "the model is not served here");
  } else {
    const JobTerms terms{JobClassByName(record.job_class).value_or(JobClass::kNormal),
                         Since(record.submitted)};
    running = parts_.flow.Submit(*endpoint, std::move(job->request), terms, this, &refusal);
    if (running == nullptr) job->request = std::move(refusal.request.message);
  }
  if (running != nullptr) {
    running->id = record.id;
    running->request.progress = true;
    running_.emplace(running->token, job);
    if (!std::exchange(telling_, true)) StartCoroutine(parts_.io, TellWhatRuns());
    return;
  }
  if (IsRetryable(refusal.status.code())) {
    const milliseconds delay = std::chrono::seconds(refusal.retry_after_s);
    StartCoroutine(parts_.io, Return(job, std::max<milliseconds>(delay, kSoon)));
    return;
  }
  StartCoroutine(parts_.io, Finish(job, Failure(job, {}, refusal.status)));
}

std::unique_ptr<Publication> DurableJobs::Failure(const HeldJob& job, Receipt receipt,
                                                  const Status& why) {
  JobRecord& record = job->record();
  record.error = why;
  receipt.job = record.id;
  return ErrorMessage(names_.Result(record.model, record.id), std::move(receipt), why,
                      FinalHeaders(record, TerminalState(why.code())));
}

PlainPublication::Headers DurableJobs::FinalHeaders(const JobRecord& record, JobState state) const {
  // It is stored once.
  PlainPublication::Headers headers = {{kFinalState, std::string(JobStateName(state))},
                                       {"Nats-Msg-Id", record.id},
                                       {kExpectedLast, "0"}};
  if (!record.tags.empty()) {
    std::string tags;
    for (const auto& [name, value] : record.tags) {
      tags += fmt::format("{}{}={}", tags.empty() ? "" : ", ", name, value);
    }
    headers.emplace_back("Darkroom-Tags", std::move(tags));
  }
  if (record.receipt.is_null()) return headers;
  if (const auto seed = record.receipt.find("seed"); seed != record.receipt.end()) {
    headers.emplace_back("Darkroom-Seed", seed->dump());
  }
  // Those of a long prompt are in the state alone.
  std::string params = WriteJson(record.receipt["params"]);
  if (params.size() <= kLongestParams) {
    headers.emplace_back("Darkroom-Params", std::move(params));
  }
  return headers;
}

void DurableJobs::OnJobEnded(Job& job, Receipt receipt, host::JobResult result) {
  const auto found = running_.find(job.token);
  if (found == running_.end()) return;  // given up before
  const HeldJob held = found->second;
  running_.erase(found);
  JobRecord& record = held->record();
  held->ran = true;
  held->attempts_before = record.attempts;
  held->history_before = record.history.size();
  record.attempts += std::max(job.attempts, 1U);
  record.host = parts_.config.host_name;
  record.device = receipt.device;
  record.history.insert(record.history.end(), job.history.begin(), job.history.end());
  receipt.attempts = record.attempts;
  receipt.seed.clear();  // FinalHeaders tells it, with the other params
  if (!job.stuck) held->request = std::move(job.request.message);
  if (job.attempts > 0) record.receipt = ReceiptOf(receipt, *job.params);
  if (result.status.ok()) {
    const std::string subject = names_.Result(record.model, record.id);
    auto headers = FinalHeaders(record, job.state);
    auto reply = job.stored ? ObjectMessage(subject, *std::move(job.stored), std::move(receipt),
                                            std::move(headers))
                            : ResultMessage(subject, job.request.form.body, std::move(receipt),
                                            std::move(result.outputs), std::move(headers));
    StartCoroutine(parts_.io, Finish(held, std::move(reply)));
    return;
  }
  // The deadline counts from the submission: later there is no time either.
  const bool worth_it =
      IsRetryable(result.status.code()) && result.status.code() != Code::kDeadlineExceeded;
  if (worth_it && record.attempts < parts_.config.jobs.max_attempts) {
    record.history.push_back(result.status.message());
    StartCoroutine(parts_.io, Retry(held));
    return;
  }
  StartCoroutine(parts_.io, Finish(held, Failure(held, std::move(receipt), result.status)));
}

void DurableJobs::OnJobGivenUp(const Job& job) {
  const auto found = running_.find(job.token);
  if (found == running_.end()) return;
  const HeldJob held = found->second;
  running_.erase(found);
  StartCoroutine(parts_.io, Return(held, milliseconds(0)));
}

}  // namespace darkroom
