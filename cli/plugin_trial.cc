// SPDX-License-Identifier: Apache-2.0

#include "cli/plugin_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cli/trial_jobs.h"
#include "cli/trial_worker.h"
#include "core/json.h"
#include "core/params_schema.h"

namespace darkroom {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr size_t kKeptLines = 1000;
constexpr std::string_view kMisbehaved = "plugin misbehaved: ";
// A job is cancelled half-way, as far as that can be told from those before.
constexpr std::chrono::nanoseconds kLongestDelay = std::chrono::seconds(1);

class Trial {
 public:
  Trial(const PluginFile& file, const TrialOptions& options, WorkerSetUp set_up,
        host::LaneSpec lane, std::string params)
      : file_(file),
        options_(options),
        lane_(lane),
        params_(std::move(params)),
        jobs_(MakeTrialJobs(file.info)),
        worker_(std::move(set_up), options.step_limit,
                [this](spdlog::level::level_enum level, std::string line) {
                  OnLine(level, std::move(line));
                }) {
    report_.notes = jobs_.notes;
  }

  TrialReport Run(Interrupts* interrupts) {
    const Interrupts::Guard guard(interrupts, [this] { worker_.Interrupt(); });
    LiveThrough();
    worker_.HearLastWords();
    report_.interrupted = worker_.interrupted();
    report_.peak_memory = worker_.peak_memory();
    return std::move(report_);
  }

 private:
  void OnLine(spdlog::level::level_enum level, std::string line) {
    if (const size_t at = line.find(kMisbehaved); at != std::string::npos) {
      std::string words = line.substr(at + kMisbehaved.size());
      auto& all = report_.misbehaved;
      // Each job may break the same rule.
      if (std::find(all.begin(), all.end(), words) == all.end()) all.push_back(std::move(words));
      return;
    }
    if (report_.log.size() >= kKeptLines) {
      ++report_.log_dropped;
      return;
    }
    const spdlog::string_view_t name = spdlog::level::to_string_view(level);
    report_.log.push_back({std::string(name.data(), name.size()), std::move(line)});
  }

  // Each step in its order, as long as there is a process to do it.
  void LiveThrough() {
    if (!Step("open", [this] { return worker_.Open({file_.path, file_.manifest_json}); })) return;
    threads_ = worker_.threads();
    if (Step("create",
             [this] {
               return worker_.Create({file_.info.id, TrialConfig(file_, options_), lane_});
             }) &&
        Step("load", [this] { return worker_.Load(); })) {
      RunJobs();
      if (!worker_.lost()) Step("unload", [this] { return worker_.Unload(); });
    }
    if (!worker_.lost()) Close();
  }

  // False: it failed.
  template <typename Do>
  bool Step(const char* name, Do step) {
    const auto start = Clock::now();
    const Status status = step();
    StepResult result = StepResult::kOk;
    if (!status.ok()) {
      result = StepResult::kFailed;
      const bool given = !options_.weights.empty();
      if (!given && !worker_.lost() && LacksWeights(status)) result = StepResult::kNotRun;
    }
    Add(name, result, start, status.message());
    return status.ok();
  }

  void Add(std::string name, StepResult result, Clock::time_point start, std::string words) {
    const Milliseconds took = Clock::now() - start;
    report_.steps.push_back({std::move(name), result, took.count(), std::move(words)});
  }

  void RunJobs() {
    for (const TrialJob& job : jobs_.jobs) {
      if (!worker_.lost()) RunOne(fmt::format("job: {}", job.name), job);
    }
    const auto taken = [](const TrialStep& step) {
      return step.name.starts_with("job: ") && step.result != StepResult::kRefused;
    };
    if (worker_.lost() || jobs_.jobs.empty()) return;
    if (std::none_of(report_.steps.begin(), report_.steps.end(), taken)) {
      report_.notes.emplace_back("it refused all that was made up for it");
    }
    if (lane_.max_batch > 1) RunBatch();
    if (!worker_.lost()) RunCancelled();
  }

  void RunOne(const std::string& name, const TrialJob& job) {
    const auto start = Clock::now();
    const TrialWorker::Ended ended = worker_.Run({&job}, params_).front();
    longest_ = std::max<std::chrono::nanoseconds>(longest_, Clock::now() - start);
    Add(name, JobResultOf(ended.status), start,
        ended.status.ok() ? ended.outputs : ended.status.message());
  }

  // As many as the manifest allows, all alike: what must be in common is.
  void RunBatch() {
    const std::vector<const TrialJob*> batch(lane_.max_batch, &jobs_.jobs.front());
    const auto start = Clock::now();
    const std::vector<TrialWorker::Ended> all = worker_.Run(batch, params_);
    const auto bad = std::find_if(all.begin(), all.end(),
                                  [](const TrialWorker::Ended& one) { return !one.status.ok(); });
    Add(fmt::format("batch of {}", batch.size()),
        bad == all.end() ? StepResult::kOk : JobResultOf(bad->status), start,
        bad == all.end() ? "" : bad->status.message());
  }

  void RunCancelled() {
    bool late = false;
    const auto start = Clock::now();
    const TrialJob& job = jobs_.jobs.front();
    const TrialWorker::Ended ended =
        worker_.RunCancelled(job, params_, std::min(longest_ / 2, kLongestDelay), &late);
    const bool cancelled = ended.status.code() == Code::kCancelled;
    const char* words = late        ? "it had ended before it was cancelled"
                        : cancelled ? "it stopped"
                                    : "it did not stop, and ran to its end";
    Add("cancelled job", cancelled ? StepResult::kOk : JobResultOf(ended.status), start,
        cancelled || ended.status.ok() ? words : ended.status.message());
    if (!late && !worker_.lost()) RunOne("job after it", job);
  }

  void Close() {
    const auto start = Clock::now();
    const Status status = worker_.Close(&report_.mapped);
    if (!status.ok()) {
      Add("close", StepResult::kFailed, start, status.message());
      return;
    }
    const bool mapped = report_.mapped.value_or(file_.report.verdict == Verdict::kResident);
    const char* words = !report_.mapped ? ""
                        : mapped        ? "its file stays mapped"
                                        : "its file is unmapped";
    Add("close", StepResult::kOk, start, words);
    // Where it was not foreseen, its author wants to know.
    if (mapped && file_.report.verdict == Verdict::kOk) {
      report_.notes.emplace_back(file_.report.thread_locals
                                     ? "its file stays mapped: its thread-local variables may "
                                       "hold it"
                                     : "its file stays mapped: something still points to it");
    }
    CheckThreads(mapped);
  }

  // A thread whose code is unmapped under it crashes when it wakes up. Those of libraries that stay
  // (libtorch's, OpenMP's, CUDA's) do no harm.
  void CheckThreads(bool mapped) {
    size_t left = worker_.threads();
    // One that has been joined may be listed for another moment, and so may a process that crashes.
    for (int i = 0; left > 0 && i < (left > threads_ ? 50 : 5); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(4));
      left = worker_.threads();
    }
    if (left == 0) {
      report_.misbehaved.push_back(file_.info.id + " left a thread behind, which crashed");
      return;
    }
    if (left <= threads_) return;
    const std::vector<std::string>& needed = file_.report.needed;
    const bool of_library = std::any_of(needed.begin(), needed.end(), [](const std::string& name) {
      return name.starts_with("libgomp.") || name.starts_with("libomp.") ||
             name.starts_with("libiomp5.");
    });
    std::string words = fmt::format("{} left {} thread{} behind", file_.info.id, left - threads_,
                                    left - threads_ == 1 ? "" : "s");
    const bool harmless =
        mapped || of_library || !file_.info.torch.empty() || lane_.device_type != 1;
    (harmless ? report_.notes : report_.misbehaved).push_back(std::move(words));
  }

  const PluginFile& file_;
  const TrialOptions& options_;
  const host::LaneSpec lane_;
  const std::string params_;
  const TrialJobs jobs_;
  TrialReport report_;
  TrialWorker worker_;
  size_t threads_ = 0;  // of the process, once the plugin was open
  std::chrono::nanoseconds longest_{0};
};

// The jobs' params: those given, with the schema's defaults.
Result<std::string> Params(const PluginFile& file, nlohmann::json params) {
  const Result<ParamsSchema> schema = ParamsSchema::Compile(file.info.params);
  if (!schema.ok()) return schema.status();
  if (Status status = schema->Apply(params); !status.ok()) {
    return Status(status.code(), "the jobs' params: " + status.message(),
                  "give those that have no default with --params");
  }
  return WriteJson(params);
}

}  // namespace

Result<TrialReport> TryPlugin(const PluginFile& file, const TrialOptions& options,
                              Interrupts* interrupts) {
  Result<ModelInfo> info = ModelInfoFor(file.info, options.options);
  if (!info.ok()) {
    return Status(info.status().code(), info.status().message(),
                  "this plugin is what each model's options say: give some with --options");
  }
  PluginFile of_model = file;
  of_model.info = *std::move(info);
  std::string device;
  const Result<host::LaneSpec> lane = TrialLane(of_model.info, options.device, &device);
  if (!lane.ok()) return lane.status();
  Result<std::string> params = Params(of_model, options.params);
  if (!params.ok()) return params.status();
  Result<WorkerSetUp> set_up = TrialSetUp(of_model, options, device != "cpu");
  if (!set_up.ok()) return set_up.status();
  Trial trial(of_model, options, *std::move(set_up), *lane, *std::move(params));
  TrialReport report = trial.Run(interrupts);
  report.device = std::move(device);
  return report;
}

}  // namespace darkroom
