// SPDX-License-Identifier: Apache-2.0

#include "cli/trial_worker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/text.h"
#include "core/buffer.h"

namespace darkroom {
namespace {

using Clock = std::chrono::steady_clock;

// How long a process that was killed may take to be gone.
constexpr std::chrono::seconds kEnd{10};
// What it printed at last comes by another way than its answers.
constexpr std::chrono::milliseconds kLastWords{20};

class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit LineSink(TrialWorker::LineHandler on_line) : on_line_(std::move(on_line)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& line) override {
    on_line_(line.level, std::string(line.payload.data(), line.payload.size()));
  }
  void flush_() override {}

 private:
  const TrialWorker::LineHandler on_line_;
};

std::string Describe(const host::Output& output) {
  switch (output.kind) {
    case host::OutputKind::kImage:
      if (output.shape.size() < 2) break;
      return fmt::format("{} {}x{}", output.name, output.shape[1], output.shape[0]);
    case host::OutputKind::kTensor:
      return fmt::format("{} {} {}", output.name, output.dtype, output.shape);
    default:
      break;
  }
  return fmt::format("{} {} byte{}", output.name, output.bytes.size(),
                     output.bytes.size() == 1 ? "" : "s");
}

uint64_t PeakMemoryOf(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  constexpr std::string_view kField = "VmHWM:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kField)) return std::stoull(line.substr(kField.size())) * 1024;
  }
  return 0;
}

// Nothing where that may not be looked at. A daemon need not know it of a process that ends with
// its plugin.
std::optional<bool> IsMappedInto(pid_t pid, const std::string& path) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  bool any = false;
  for (std::string line; std::getline(maps, line); any = true) {
    const size_t at = line.find('/');
    if (at != std::string::npos && line.compare(at, std::string::npos, path) == 0) return true;
  }
  return any ? std::optional(false) : std::nullopt;
}

}  // namespace

TrialWorker::TrialWorker(WorkerSetUp set_up, std::chrono::milliseconds limit, LineHandler on_line)
    : work_(boost::asio::make_work_guard(io_)),
      limit_(limit),
      log_("trial", std::make_shared<LineSink>(std::move(on_line))),
      host_(io_, std::move(set_up), log_) {}

TrialWorker::~TrialWorker() = default;

void TrialWorker::Interrupt() {
  interrupted_ = true;
  boost::asio::post(io_, [] {});
}

TrialWorker::Waited TrialWorker::Await(const std::function<bool()>& done,
                                       std::chrono::nanoseconds allowed) {
  const auto until = Clock::now() + allowed;
  while (!done()) {
    if (interrupted_) return Waited::kInterrupted;
    if (lost()) return Waited::kLost;
    if (io_.run_one_until(until) == 0) return done() ? Waited::kDone : Waited::kLate;
  }
  return Waited::kDone;
}

Status TrialWorker::WhyNot(Waited waited, const char* what, std::chrono::milliseconds allowed) {
  if (waited == Waited::kInterrupted) {
    lost_ = Status(Code::kCancelled, "interrupted");
    return *lost_;
  }
  if (waited == Waited::kLost) return *lost_;
  Status late(Code::kDeadlineExceeded,
              fmt::format("it did not {} within {}", what, FormatTime(allowed)));
  // Users of it must have heard of its end before they go.
  if (plugin_ != nullptr && plugin_->Kill(late)) {
    Await([this] { return closed_.has_value(); }, kEnd);  // the last word where it was closing
  }
  lost_ = late;
  return late;
}

Status TrialWorker::Finish(const std::optional<Status>& answer, const char* what,
                           std::chrono::milliseconds allowed) {
  const Waited waited = Await([&answer] { return answer.has_value(); }, allowed);
  Measure();
  return waited == Waited::kDone ? *answer : WhyNot(waited, what, allowed);
}

void TrialWorker::Measure() {
  if (pid_ != 0 && !lost()) peak_memory_ = std::max(peak_memory_, PeakMemoryOf(pid_));
}

size_t TrialWorker::threads() const {
  if (pid_ == 0 || lost()) return 0;
  // Not by listing its tasks: a list that is read while one of them ends may leave out others.
  constexpr std::string_view kKey = "Threads:";
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:\tZ")) return 0;
    if (line.starts_with(kKey)) return std::stoul(line.substr(kKey.size()));
  }
  return 0;
}

Status TrialWorker::Open(const PluginToOpen& plugin) {
  std::error_code error;
  path_ = std::filesystem::canonical(plugin.path, error).string();
  host_.Open(
      plugin,
      [this](Result<std::unique_ptr<HostedPlugin>> opened) {
        if (opened.ok()) {
          plugin_ = std::move(*opened);
          pid_ = plugin_->pid();
        }
        opened_ = opened.status();
      },
      [this](const Status& why) { lost_ = why; });
  return Finish(opened_, "open", limit_);
}

Status TrialWorker::Create(const host::InstanceSpec& spec) {
  instance_ = plugin_->Create(spec, this);
  return Finish(created_, "make an instance", limit_);
}

Status TrialWorker::Load() {
  instance_->Load(host::kNoMemoryLimit);
  return Finish(loaded_, "load", limit_);
}

void TrialWorker::Begin(const std::vector<const TrialJob*>& jobs, const std::string& params) {
  std::vector<host::HostJob> batch;
  ended_.clear();
  batch_done_ = false;
  batch_size_ = jobs.size();
  for (const TrialJob* job : jobs) {
    host::HostJob one;
    one.token = ++last_token_;
    one.id = fmt::format("trial-{}", one.token);
    one.params = params;
    one.preview_out = &preview_out_;
    for (const TrialInput& input : job->inputs) {
      one.inputs.push_back({input.name, input.content_type, AsBytes(input.bytes)});
    }
    batch.push_back(std::move(one));
  }
  instance_->Run(std::move(batch));
}

void TrialWorker::OnFinished(uint64_t token, host::JobResult result) {
  Ended& ended = ended_[token];
  for (const host::Output& output : result.outputs) {
    ended.outputs += (ended.outputs.empty() ? "" : ", ") + Describe(output);
  }
  ended.status = std::move(result.status);
}

std::vector<TrialWorker::Ended> TrialWorker::Run(const std::vector<const TrialJob*>& jobs,
                                                 const std::string& params) {
  const uint64_t before = last_token_;
  Begin(jobs, params);
  const Waited waited = Await([this] { return BatchEnded(); }, limit_);
  Measure();
  if (waited != Waited::kDone) {
    return std::vector<Ended>(jobs.size(), {WhyNot(waited, "end its jobs", limit_), {}});
  }
  std::vector<Ended> ended;
  for (uint64_t token = before + 1; token <= last_token_; ++token) {
    const auto found = ended_.find(token);
    ended.push_back(found != ended_.end()
                        ? found->second
                        : Ended{Status::Internal("the job was never answered"), {}});
  }
  return ended;
}

TrialWorker::Ended TrialWorker::RunCancelled(const TrialJob& job, const std::string& params,
                                             std::chrono::nanoseconds delay, bool* late) {
  Begin({&job}, params);
  const auto done = [this] { return BatchEnded(); };
  Waited waited = Await(done, delay);
  *late = waited == Waited::kDone;
  if (waited == Waited::kLate) {
    instance_->Cancel(last_token_);
    waited = Await(done, limit_);
  }
  Measure();
  if (waited != Waited::kDone) return {WhyNot(waited, "end a cancelled job", limit_), {}};
  return ended_[last_token_];
}

Status TrialWorker::Unload() {
  instance_->Unload();
  return Finish(unloaded_, "unload", limit_);
}

Status TrialWorker::Close(std::optional<bool>* mapped) {
  instance_.reset();
  plugin_->Close([this](CloseOutcome) { closed_ = Status::Ok(); });
  Status status = Finish(closed_, "shut down", limit_);
  // Whatever became of its process, a plugin that is being closed counts as closed.
  if (status.ok() && kill(pid_, 0) != 0) {
    lost_ = Status(Code::kInstanceLost, "its process ended while it was shut down");
    status = *lost_;
  }
  if (status.ok()) *mapped = IsMappedInto(pid_, path_);
  return status;
}

void TrialWorker::HearLastWords() { io_.run_for(kLastWords); }

}  // namespace darkroom
