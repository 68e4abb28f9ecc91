// SPDX-License-Identifier: Apache-2.0

#include "job_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/coroutine.h"
#include "core/json.h"
#include "core/times.h"
#include "reply/result_body.h"

namespace darkroom {
namespace {

// Jobs that wait past their deadline are told so within this time.
constexpr auto kExpiryTick = std::chrono::milliseconds(100);
constexpr auto kProgressGap = std::chrono::milliseconds(200);
// How long a server that does not answer is asked to store a result, and how often.
constexpr auto kStorePatience = std::chrono::seconds(60);
constexpr auto kStoreAgain = std::chrono::seconds(1);

Status RanTooLong() {
  return {Code::kDeadlineExceeded, "the deadline passed while the job ran",
          "allow more time with Darkroom-Deadline"};
}

}  // namespace

JobFlow::JobFlow(boost::asio::io_context& io, const Config& config, Replier& replier,
                 DevicePool& pool, JobMetrics& metrics, Tracer& tracer, Logger& log,
                 std::function<void(Model&)> on_model_changed, std::function<void()> on_batch_done)
    : io_(io),
      host_name_(config.host_name),
      replier_(replier),
      pool_(pool),
      metrics_(metrics),
      tracer_(tracer),
      log_(log),
      stop_grace_(config.limits.stop_grace),
      save_every_(config.jobs.save_every),
      on_model_changed_(std::move(on_model_changed)),
      on_batch_done_(std::move(on_batch_done)),
      admission_(&jobs_, config.limits, config.scheduling),
      scheduler_(config.scheduling.floor),
      empty_(io),
      fetches_(io) {}

void JobFlow::UseObjects(ObjectStore* objects, uint64_t inline_bytes) {
  objects_ = objects;
  inline_bytes_ = inline_bytes;
}

void JobFlow::OnRequest(const Endpoint& endpoint, Message message) {
  ++endpoint.stats->requests;
  if (objects_ != nullptr && ObjectStore::HasReferences(message)) {
    StartCoroutine(io_, FetchAndAdmit(endpoint, std::move(message)));
    return;
  }
  Admit(endpoint, std::move(message));
}

void JobFlow::Admit(const Endpoint& endpoint, Message message) {
  Refusal refusal;
  if (Job* job = admission_.Admit(endpoint, std::move(message), {}, &refusal)) {
    job->trace = tracer_.Begin(job->request.message, {});
    Accepted(job);
    return;
  }
  Refuse(endpoint, std::move(refusal));
}

boost::asio::awaitable<void> JobFlow::FetchAndAdmit(const Endpoint& endpoint, Message message) {
  const auto fetched = fetching_.insert(&endpoint);
  Status status = co_await objects_->Attach(&message, endpoint.rules.max_input_bytes);
  if (status.ok()) {
    Admit(endpoint, std::move(message));
  } else {
    Refusal refusal;
    if (status.code() == Code::kBusy) refusal.retry_after_s = 1;
    refusal.status = std::move(status);
    refusal.request.reply = message.reply();
    const std::string_view id = message.Header("Darkroom-Job").value_or("");
    if (IsJobId(id)) refusal.request.id = id;
    refusal.request.message = std::move(message);  // which says what trace it is in
    Refuse(endpoint, std::move(refusal));
  }
  fetching_.erase(fetched);
  fetches_.Notify();
}

void JobFlow::Refuse(const Endpoint& endpoint, Refusal refusal) {
  ++endpoint.stats->errors;
  endpoint.stats->last_error = refusal.status.message();
  metrics_.Refused(endpoint.model->config.name, refusal.request.id, refusal.status);
  if (refusal.request.reply.empty()) {
    log_.warn("refused on '{}': {}", endpoint.subject, refusal.status.ToString());
    return;
  }
  log_.debug("refused on '{}': {}", endpoint.subject, refusal.status.ToString());
  Receipt receipt;
  receipt.model = receipts_.at(endpoint.model.get()).receipt;
  receipt.job = refusal.request.id;
  if (refusal.request.message) receipt.trace = TraceOf(refusal.request.message);
  replier_.Error(std::move(refusal.request.reply), std::move(receipt), std::move(refusal.status),
                 refusal.retry_after_s);
}

void JobFlow::Accepted(Job* job) {
  if (job->contract->info.checkpoint) job->save_every = save_every_;
  scheduler_.Enqueued(job->model.get());
  if (job->model->lanes < job->model->SoonLanes()) pool_.Touch();
  if (!std::exchange(watching_deadlines_, true)) StartCoroutine(io_, WatchDeadlines());
}

Job* JobFlow::Submit(const Endpoint& endpoint, Message message, const JobTerms& terms,
                     JobSink* sink, Refusal* refusal) {
  Job* job = admission_.Admit(endpoint, std::move(message), terms, refusal);
  if (job == nullptr) return nullptr;
  job->sink = sink;
  job->trace = tracer_.Begin(job->request.message, terms.id);
  job->stats = nullptr;  // of requests
  Accepted(job);
  return job;
}

void JobFlow::HandBack(JobSink* sink) {
  std::vector<Job*> waiting;
  jobs_.ForEach([&](Job& job) {
    if (job.sink == sink && job.state == JobState::kQueued) waiting.push_back(&job);
  });
  for (Job* job : waiting) {
    const std::shared_ptr<Model> model = job->model;
    model->queue.Remove(job);
    sink->OnJobGivenUp(*job);
    jobs_.Drop(job->token);
    on_model_changed_(*model);
  }
}

boost::asio::awaitable<void> JobFlow::WatchDeadlines() {
  // An idle daemon sleeps: without jobs there is nothing to wake for.
  while (jobs_.size() > 0) {
    co_await Sleep(kExpiryTick);
    ExpireWaiting();
    StopLate();
  }
  watching_deadlines_ = false;
}

void JobFlow::ExpireWaiting() {
  const auto now = Job::Clock::now();
  std::vector<Job*> expired;
  jobs_.ForEach([&](Job& job) {
    if (job.state == JobState::kQueued && job.deadline <= now) expired.push_back(&job);
  });
  for (Job* job : expired) {
    EndWaiting(job, {Code::kDeadlineExceeded, "the deadline passed while the job waited",
                     "allow more time with Darkroom-Deadline"});
  }
}

void JobFlow::EndWaiting(Job* job, Status status) {
  const std::shared_ptr<Model> model = job->model;
  model->queue.Remove(job);
  host::JobResult result;
  result.status = std::move(status);
  OnJobDone(job->token, std::move(result), nullptr);
  on_model_changed_(*model);
}

void JobFlow::StopLate() {
  const auto now = Job::Clock::now();
  std::vector<Job*> late;
  jobs_.ForEach([&](Job& job) {
    const bool stopping = job.told_to_stop != Job::Clock::time_point{};
    if (job.state == JobState::kRunning && (stopping || job.deadline <= now)) late.push_back(&job);
  });
  for (Job* job : late) {
    if (job->runner == nullptr) continue;
    if (job->told_to_stop == Job::Clock::time_point{}) {
      job->told_to_stop = now;
      job->runner->Cancel(*job);
      continue;  // one that only waits is answered by that
    }
    if (now - job->told_to_stop < stop_grace_) continue;
    const bool cancelled = job->cancel != 0;
    const Status why(
        cancelled ? Code::kCancelled : Code::kDeadlineExceeded,
        fmt::format("the job did not stop within {:.1f} s of {}, and its worker was "
                    "ended",
                    Ms(stop_grace_) / 1000, cancelled ? "being cancelled" : "its deadline"));
    if (job->runner->Stop(*job, why)) continue;
    AbandonStuck(job,
                 cancelled ? Status(Code::kCancelled, "cancelled while it ran") : RanTooLong());
  }
}

// In the daemon itself nothing can be ended: the requester is answered, and what the plugin may
// still read stays.
void JobFlow::AbandonStuck(Job* job, Status why) {
  if (job->begun != 0) {
    log_.error("{} {}: did not stop when it was told to; '{}' runs in the daemon and is stuck",
               job->id, job->model->config.name, job->contract->info.id);
  }
  const uint64_t token = job->token;
  host::JobResult result;
  result.status = std::move(why);
  Receipt receipt = MakeReceipt(*job, result, nullptr);
  kept_.erase(token);
  std::unique_ptr<Job> ended = jobs_.End(token, TerminalState(result.status.code()));
  ended->stuck = true;
  TellCancellers(*ended);
  if (ended->sink != nullptr) {
    ended->sink->OnJobEnded(*ended, std::move(receipt), std::move(result));
  } else {
    replier_.Error(ended->request.reply, std::move(receipt), std::move(result.status));
  }
  stuck_.emplace(token, std::move(ended));
}

const Job* JobFlow::FindById(std::string_view id) const {
  const Job* found = nullptr;
  jobs_.ForEach([&](const Job& job) {
    if (job.id == id) found = &job;
  });
  return found;
}

void JobFlow::Cancel(uint64_t token, std::function<void(JobState)> ended) {
  Job* job = jobs_.Find(token);
  if (ended != nullptr) cancellers_.emplace(token, std::move(ended));
  if (job->state == JobState::kQueued) {
    EndWaiting(job, {Code::kCancelled, "cancelled while it waited"});
    return;
  }
  if (job->cancel.exchange(1) == 0 && job->runner != nullptr) {
    job->told_to_stop = Job::Clock::now();
    job->runner->Cancel(*job);
  }
}

void JobFlow::TellCancellers(const Job& job) {
  const auto [begin, end] = cancellers_.equal_range(job.token);
  std::vector<std::function<void(JobState)>> told;
  for (auto one = begin; one != end; ++one) told.push_back(std::move(one->second));
  cancellers_.erase(begin, end);
  for (const auto& tell : told) tell(job.state);
}

void JobFlow::OnLoadFailed(Model& model, const Status& why) {
  if (model.lanes > 0) return;  // what can be run elsewhere goes on
  for (Job* job : model.queue.TakeAll()) {
    jobs_.Start(job);
    host::JobResult result;
    result.status = why;
    OnJobDone(job->token, std::move(result), nullptr);
  }
}

void JobFlow::FailQueued(Model& model, const Status& why) {
  for (Job* job : model.queue.TakeAll()) {
    if (job->sink != nullptr) {  // it may be run elsewhere, or later
      job->sink->OnJobGivenUp(*job);
      jobs_.Drop(job->token);
      continue;
    }
    host::JobResult result;
    result.status = why;
    OnJobDone(job->token, std::move(result), nullptr);
  }
}

void JobFlow::Recheck(Model& model) {
  std::vector<Job*> unfit;
  model.queue.ForEach([&](Job* job) {
    const ModelInfo& before = job->contract->info;
    if (before.params == model.info().params) return;
    nlohmann::json params = nlohmann::json::parse(*job->params);  // written by WriteJson
    if (model.contract->schema->Apply(params).ok()) {
      job->params = std::make_shared<const std::string>(WriteJson(params));
    } else {
      unfit.push_back(job);
    }
  });
  for (Job* job : unfit) {
    EndWaiting(job, {Code::kFailedPrecondition,
                     fmt::format("'{}' was upgraded to {} {} while the job waited, which does not "
                                 "take its params",
                                 model.config.name, model.info().id, model.info().version),
                     "look at its params again: darkroom models show " + model.config.name});
  }
}

void JobFlow::OnJobDone(uint64_t token, host::JobResult result, const Device* device) {
  Job* running = jobs_.Find(token);
  if (running == nullptr) {
    stuck_.erase(token);
    return;
  }
  if (running->trace.returned == Job::Clock::time_point{}) {  // not from StoreResult
    running->trace.returned = Job::Clock::now();
  }
  // A plugin that polls cannot tell the two reasons to stop apart.
  if (result.status.code() == Code::kCancelled && running->cancel == 0 &&
      running->deadline <= Job::Clock::now()) {
    result.status = RanTooLong();
  }
  if (result.status.ok() && objects_ != nullptr && !running->stored &&
      replier_.IsForStore(running->request.form.body, result.outputs, inline_bytes_)) {
    StartCoroutine(io_, StoreResult(token, std::move(result), device));
    return;
  }
  if (result.status.ok()) {
    result.status = replier_.CheckSize(running->request.form.body, result.outputs);
  }

  const std::unique_ptr<Job> job = jobs_.End(token, TerminalState(result.status.code()));
  Model& model = *job->model;
  ++model.jobs_ended;
  // It may have been what kept others from running.
  if (model.config.max_concurrency > 0 && !model.queue.empty()) scheduler_.Enqueued(&model);
  scheduler_.Correct(*job, result.lane_ms / std::max(result.batch_size, 1U));
  TellCancellers(*job);
  Count(*job, result.status);
  metrics_.Ended(*job, result);
  Receipt receipt = MakeReceipt(*job, result, device);
  kept_.erase(token);
  if (result.status.ok()) {
    model.times.Add(result.lane_ms, result.batch_size, result.decode_ms);
    if (result.steps > 0) model.times.AddSteps(result.infer_ms, result.steps);
    model.recent.Add(job->request, job->params);
    log_.debug("{} {}: succeeded: decoded {:.2f} ms, ran {:.2f} ms, encoded {:.2f} ms", job->id,
               model.config.name, result.decode_ms, result.infer_ms, result.encode_ms);
  } else {
    log_.info("{} {}: {}: {}", job->id, model.config.name, JobStateName(job->state),
              result.status.ToString());
  }
  if (job->sink != nullptr) {
    job->sink->OnJobEnded(*job, std::move(receipt), std::move(result));
  } else if (job->stored) {
    replier_.Result(job->request, std::move(receipt), *std::move(job->stored));
  } else if (result.status.ok()) {
    replier_.Result(std::move(job->request), std::move(receipt), std::move(result.outputs));
  } else {
    replier_.Error(std::move(job->request.reply), std::move(receipt), std::move(result.status));
  }
}

// The job stays what it is, running, until its result is in the object store; nobody runs it.
boost::asio::awaitable<void> JobFlow::StoreResult(uint64_t token, host::JobResult result,
                                                  const Device* device) {
  Job* job = jobs_.Find(token);
  job->runner = nullptr;
  const ReplyForm::Body form = job->request.form.body;
  const std::string id = job->id;
  const auto until = std::min(job->deadline, Job::Clock::now() + kStorePatience);
  std::optional<ResultBody> body;
  const ObjectStore::Make make = [&] {
    if (!body) body = FormResult(form, id, std::move(result.outputs));
    return body->bytes.bytes();
  };
  auto url = co_await objects_->Put(make);
  // The work is done: a server that is away for a while is no reason to do it again.
  while (!url.ok() && url.status().code() == Code::kBusy && Job::Clock::now() < until) {
    co_await Sleep(kStoreAgain);
    url = co_await objects_->Put(make);
  }
  result.outputs.clear();
  job = jobs_.Find(token);
  if (job != nullptr && url.ok()) job->stored = StoredResult{body->content_type, url->Text()};
  if (!url.ok()) {
    result.status = {Code::kResourceExhausted, url.status().message(), url.status().hint()};
  }
  OnJobDone(token, std::move(result), device);
}

void JobFlow::Count(const Job& job, const Status& status) {
  if (job.stats == nullptr) return;
  EndpointStats& stats = *job.stats;
  ++stats.answered;
  stats.processing_ns +=
      static_cast<uint64_t>(std::chrono::nanoseconds{Job::Clock::now() - job.accepted}.count());
  if (status.ok()) return;
  ++stats.errors;
  stats.last_error = status.message();
}

void JobFlow::OnJobProgress(uint64_t token, double fraction, std::string_view stage) {
  Job* job = jobs_.Find(token);
  if (job == nullptr) return;
  job->progress = fraction;
  job->stage = stage;
  if (!job->request.progress) return;
  const auto now = Job::Clock::now();
  // The last step is always told; others only so often.
  if (now - job->progress_sent < kProgressGap && fraction < 1) return;
  job->progress_sent = now;
  replier_.Progress(*job);
}

void JobFlow::OnJobPreview(uint64_t token, Buffer jpeg) {
  Job* job = jobs_.Find(token);
  if (job == nullptr) return;
  job->preview_out.store(0, std::memory_order_relaxed);
  if (!job->request.progress) return;
  const auto now = Job::Clock::now();
  // The host keeps the gap; this only keeps a worker that does not from flooding whoever watches.
  if (now - job->preview_sent < host::kPreviewGap / 2) return;
  job->preview_sent = now;
  ++job->previews;
  replier_.Preview(*job, std::move(jpeg));
}

Receipt JobFlow::MakeReceipt(const Job& job, const host::JobResult& result,
                             const Device* device) const {
  Receipt receipt = ReceiptOf(job, result, device);
  const auto kept = kept_.find(job.token);
  receipt.model = kept != kept_.end() ? kept->second : receipts_.at(job.model.get()).receipt;
  receipt.spans = tracer_.End(job, result, device);
  return receipt;
}

boost::asio::awaitable<void> JobFlow::Drain() {
  const auto none = [this] { return fetching_.empty(); };
  co_await fetches_.Until(none);
  jobs_.Close([this] { empty_.Set(); });
  co_await empty_.Wait();
}

void JobFlow::GiveUp() {
  jobs_.ForEach([this](Job& job) {
    job.cancel.store(1, std::memory_order_relaxed);
    if (job.runner != nullptr) job.runner->Cancel(job);
    if (job.sink != nullptr) {
      job.sink->OnJobGivenUp(job);
      return;
    }
    host::JobResult result;
    result.status = {Code::kBusy, "the daemon stopped before the job was done",
                     "send the request again"};
    Receipt receipt;
    receipt.model = receipts_.at(job.model.get()).receipt;
    receipt.job = job.id;
    receipt.trace = job.trace.context;
    receipt.spans = tracer_.End(job, result, nullptr);
    replier_.Error(job.request.reply, std::move(receipt), std::move(result.status), 1);
  });
}

}  // namespace darkroom
