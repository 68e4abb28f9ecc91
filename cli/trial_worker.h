// SPDX-License-Identifier: Apache-2.0
//
// TrialWorker is a plugin in a worker process, taken through its life one step at a time: each call
// does a step, waits for its end and says how it went. The process is ended with this.
//
// One thread, save Interrupt, which any thread may call while this lives.

#ifndef DARKROOM_CLI_TRIAL_WORKER_H_
#define DARKROOM_CLI_TRIAL_WORKER_H_

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/trial_jobs.h"
#include "core/log.h"
#include "worker/worker_host.h"

namespace darkroom {

class TrialWorker : private host::Events {
 public:
  using LineHandler = std::function<void(spdlog::level::level_enum, std::string)>;

  // `on_line` hears what the plugin logs and prints. No step may take longer than `limit`: the
  // process is ended then.
  TrialWorker(WorkerSetUp set_up, std::chrono::milliseconds limit, LineHandler on_line);
  ~TrialWorker() override;
  TrialWorker(const TrialWorker&) = delete;
  TrialWorker& operator=(const TrialWorker&) = delete;

  // The steps. After one that ended the process (`lost`) there are no others.
  Status Open(const PluginToOpen& plugin);
  Status Create(const host::InstanceSpec& spec);
  Status Load();
  struct Ended {
    Status status;
    std::string outputs;  // "image 256x192", "data 1000 bytes"
  };
  // One for each job, in their order; all alike if the process was lost.
  std::vector<Ended> Run(const std::vector<const TrialJob*>& jobs, const std::string& params);
  // Begins a job, cancels it after `delay`, and waits for its end. `*late`: it had ended before.
  Ended RunCancelled(const TrialJob& job, const std::string& params, std::chrono::nanoseconds delay,
                     bool* late);
  Status Unload();
  // Destroys the instance and closes the plugin. `*mapped`: whether its code stayed, if that can be
  // told.
  Status Close(std::optional<bool>* mapped);

  // What it printed may come later than its answers.
  void HearLastWords();

  void Interrupt();
  bool interrupted() const { return interrupted_; }
  bool lost() const { return lost_.has_value(); }
  uint64_t peak_memory() const { return peak_memory_; }  // of the process, as of the last step
  size_t threads() const;                                // of the process, now; 0: it is gone

 private:
  enum class Waited { kDone, kLost, kLate, kInterrupted };
  Waited Await(const std::function<bool()>& done, std::chrono::nanoseconds allowed);
  // Waits until `answer` is there, or for whatever else ends the step.
  Status Finish(const std::optional<Status>& answer, const char* what,
                std::chrono::milliseconds allowed);
  Status WhyNot(Waited waited, const char* what, std::chrono::milliseconds allowed);
  void Begin(const std::vector<const TrialJob*>& jobs, const std::string& params);
  bool BatchEnded() const { return batch_done_ && ended_.size() >= batch_size_; }
  void Measure();

  void OnCreated(Status status) override { created_ = std::move(status); }
  void OnLost(Status, std::vector<uint64_t>) override {}  // heard of the plugin as well
  void OnLoaded(Status status, double) override { loaded_ = std::move(status); }
  void OnFinished(uint64_t token, host::JobResult result) override;
  void OnBatchDone() override { batch_done_ = true; }
  void OnPaused() override {}
  void OnUnloaded() override { unloaded_ = Status::Ok(); }
  void OnReserve(uint64_t) override { instance_->AnswerReserve(Status::Ok()); }
  void OnProgress(uint64_t, double, std::string_view) override {}
  void OnPreview(uint64_t, Buffer) override {}
  void OnSaved(uint64_t, SavedState) override {}
  void OnLog(host::LogLevel, std::string_view) override {}  // comes by the log

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  const std::chrono::milliseconds limit_;
  Logger log_;
  WorkerHost host_;
  std::unique_ptr<HostedPlugin> plugin_;
  std::unique_ptr<host::Instance> instance_;
  std::string path_;  // of the plugin's file, without symbolic links
  pid_t pid_ = 0;
  uint64_t peak_memory_ = 0;
  std::optional<Status> opened_;
  std::optional<Status> created_;
  std::optional<Status> loaded_;
  std::optional<Status> unloaded_;
  std::optional<Status> closed_;
  std::optional<Status> lost_;
  bool batch_done_ = false;
  size_t batch_size_ = 0;
  uint64_t last_token_ = 0;
  std::map<uint64_t, Ended> ended_;       // of the batch that is out
  std::atomic<uint32_t> preview_out_{0};  // says that previews are wanted
  std::atomic<bool> interrupted_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_TRIAL_WORKER_H_
