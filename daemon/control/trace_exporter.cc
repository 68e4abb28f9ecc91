// SPDX-License-Identifier: Apache-2.0

#include "control/trace_exporter.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

#include "control/otlp_json.h"
#include "core/excerpt.h"
#include "core/thread.h"

namespace darkroom {
namespace {

using std::chrono::milliseconds;

// A request has so many spans at most, and is not held back longer for more to come.
constexpr size_t kMostSpans = 512;
constexpr milliseconds kGather{250};

// Between tries, doubled each time. What a collector asks for counts up to the longest of these.
constexpr milliseconds kFirstWait{500};
constexpr milliseconds kLongestWait{30'000};
constexpr std::chrono::seconds kLongestAsked{300};
// Spans of so long ago are given up: those of now are wanted more.
constexpr std::chrono::minutes kPatience{5};

constexpr auto kSilence = std::chrono::minutes(1);

}  // namespace

TraceExporter::TraceExporter(TracingConfig config, std::string host, Logger& log)
    : config_(std::move(config)), host_(std::move(host)), log_(log), thread_([this] { Work(); }) {}

TraceExporter::~TraceExporter() {
  Finish(milliseconds(0));
  thread_.join();
}

void TraceExporter::Take(std::vector<Span> spans) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() + spans.size() > config_.queue) {
      counts_.dropped += spans.size();
      return;
    }
    const size_t before = waiting_.size();
    std::move(spans.begin(), spans.end(), std::back_inserter(waiting_));
    wake = before == 0 || (before < kMostSpans && waiting_.size() >= kMostSpans);
  }
  if (wake) changed_.notify_all();
}

void TraceExporter::Finish(milliseconds time) {
  std::unique_lock lock(mutex_);
  if (!std::exchange(stopping_, true)) until_ = Clock::now() + time;
  changed_.notify_all();
  changed_.wait_until(lock, until_, [this] { return ended_; });
}

SpanCounts TraceExporter::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

void TraceExporter::Work() {
  SetThreadName("dr-trace");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    changed_.wait_for(lock, kGather, [this] { return stopping_ || waiting_.size() >= kMostSpans; });
    if (waiting_.empty() || (stopping_ && Clock::now() >= until_)) break;
    const auto end =
        waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kMostSpans));
    std::vector<Span> spans(std::make_move_iterator(waiting_.begin()),
                            std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    lock.unlock();
    Send(spans);
    lock.lock();
  }
  counts_.dropped += waiting_.size();
  waiting_.clear();
  ended_ = true;
  changed_.notify_all();
}

void TraceExporter::Send(const std::vector<Span>& spans) {
  const std::string body = OtlpBody(spans, host_);
  const auto give_up = Clock::now() + kPatience;
  std::minstd_rand random(std::random_device{}());
  milliseconds backoff = kFirstWait;
  PostAnswer answer;
  bool goes_on = true;
  while (goes_on) {
    answer = PostSpans(config_, body, TimeLeft());
    if (!answer.again()) break;
    Complain(answer);
    // Daemons that failed together need not come again together.
    const auto half = backoff.count() / 2;
    milliseconds wait(half + std::uniform_int_distribution<int64_t>(0, half)(random));
    if (answer.wait) {
      wait = std::max(wait, milliseconds(std::min(*answer.wait, kLongestAsked)));
    }
    backoff = std::min(backoff * 2, kLongestWait);
    const auto next = Clock::now() + wait;
    goes_on = next < give_up && WaitUntil(next);
  }
  if (answer.taken()) {
    const uint64_t rejected = std::min<uint64_t>(RejectedSpans(answer.body), spans.size());
    if (std::exchange(failing_, false)) log_.info("traces are taken again");
    std::lock_guard lock(mutex_);
    counts_.rejected += rejected;
    counts_.exported += spans.size() - rejected;
    return;
  }
  if (!answer.again()) Complain(answer);
  std::lock_guard lock(mutex_);
  counts_.rejected += spans.size();
}

bool TraceExporter::WaitUntil(Clock::time_point then) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_until(lock, then, [this] { return stopping_; });
}

milliseconds TraceExporter::TimeLeft() const {
  std::lock_guard lock(mutex_);
  if (!stopping_) return config_.timeout;
  const auto left = std::chrono::duration_cast<milliseconds>(until_ - Clock::now());
  return std::clamp(left, milliseconds(1), config_.timeout);
}

void TraceExporter::Complain(const PostAnswer& answer) {
  failing_ = true;
  const auto now = Clock::now();
  if (complained_ != Clock::time_point{} && now - complained_ < kSilence) return;
  complained_ = now;
  if (answer.status == 0) {
    log_.warn("traces cannot be sent to {}: {}", config_.endpoint, answer.error);
    return;
  }
  log_.warn("traces are not taken by {}: {} {}{}", config_.endpoint, answer.status,
            Excerpt(answer.body),
            answer.again() ? "" : " (look at tracing.endpoint and tracing.headers_file)");
}

}  // namespace darkroom
