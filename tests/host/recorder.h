// SPDX-License-Identifier: Apache-2.0
//
// Recorder is the Events of a test: it keeps what the host tells and lets the test wait for it.

#ifndef DARKROOM_TESTS_HOST_RECORDER_H_
#define DARKROOM_TESTS_HOST_RECORDER_H_

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/host_api.h"

namespace darkroom::host {

class Recorder : public Events {
 public:
  void OnCreated(Status) override {}
  void OnLost(Status, std::vector<uint64_t>) override {}
  void OnLoaded(Status status, double) override {
    Note([&] { loaded_.push_back(std::move(status)); });
  }
  void OnFinished(uint64_t token, JobResult result) override {
    Note([&] {
      if (!results_.emplace(token, std::move(result)).second) doubled_.push_back(token);
      order_.push_back(token);
    });
  }
  void OnBatchDone() override {
    Note([&] { ++batches_; });
  }
  void OnPaused() override {
    Note([&] { ++paused_; });
  }
  void OnReserve(uint64_t bytes) override {
    Note([&] { reserves_.push_back(bytes); });
  }
  void OnUnloaded() override {
    Note([&] { ++unloaded_; });
  }
  void OnProgress(uint64_t token, double fraction, std::string_view stage) override {
    Note([&] { progress_.push_back({token, fraction, std::string(stage)}); });
  }
  void OnSaved(uint64_t token, SavedState state) override {
    Note([&] {
      saved_[token] = std::make_shared<const SavedState>(std::move(state));
      ++saves_;
    });
  }
  void OnPreview(uint64_t token, Buffer jpeg) override {
    Note([&] { previews_.emplace_back(token, std::move(jpeg)); });
  }
  void OnLog(LogLevel, std::string_view message) override {
    Note([&] { logs_.emplace_back(message); });
  }

  struct Step {
    uint64_t token;
    double fraction;
    std::string stage;
  };

  // Each waits until there has been one more than those taken before.
  Status TakeLoaded() {
    Await([&] { return !loaded_.empty(); });
    const std::lock_guard lock(mutex_);
    if (loaded_.empty()) return Status::Internal("the test waited for OnLoaded in vain");
    Status status = std::move(loaded_.front());
    loaded_.erase(loaded_.begin());
    return status;
  }
  JobResult TakeResult(uint64_t token) {
    Await([&] { return results_.contains(token); });
    const std::lock_guard lock(mutex_);
    auto node = results_.extract(token);
    if (!node.empty()) return std::move(node.mapped());
    JobResult result;
    result.status = Status::Internal("the test waited for OnFinished in vain");
    return result;
  }
  bool AwaitBatches(uint64_t count) {
    return Await([&] { return batches_ >= count; });
  }
  bool AwaitPaused(uint64_t count = 1) {
    return Await([&] { return paused_ >= count; });
  }
  uint64_t TakeReserve() {
    Await([&] { return !reserves_.empty(); });
    const std::lock_guard lock(mutex_);
    if (reserves_.empty()) return 0;
    const uint64_t bytes = reserves_.front();
    reserves_.erase(reserves_.begin());
    return bytes;
  }
  bool AwaitUnloaded() {
    return Await([&] { return unloaded_ > 0; });
  }
  // The job's newest state, when there have been so many of all jobs.
  std::shared_ptr<const SavedState> AwaitSaved(uint64_t token, uint64_t count = 1) {
    Await([&] { return saves_ >= count && saved_.contains(token); });
    const std::lock_guard lock(mutex_);
    const auto found = saved_.find(token);
    return found == saved_.end() ? nullptr : found->second;
  }
  uint64_t saves() {
    const std::lock_guard lock(mutex_);
    return saves_;
  }
  bool AwaitProgress() {
    return Await([&] { return !progress_.empty(); });
  }

  std::vector<std::string> logs() {
    const std::lock_guard lock(mutex_);
    return logs_;
  }
  std::vector<Step> progress() {
    const std::lock_guard lock(mutex_);
    return progress_;
  }
  // Those since this was last asked.
  std::vector<std::pair<uint64_t, Buffer>> TakePreviews() {
    const std::lock_guard lock(mutex_);
    return std::exchange(previews_, {});
  }
  std::vector<uint64_t> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }
  std::vector<uint64_t> doubled() {
    const std::lock_guard lock(mutex_);
    return doubled_;
  }

 private:
  template <typename Change>
  void Note(Change change) {
    // Notified under the lock: a test may destroy this as soon as it has seen the change.
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  // The limit only keeps a broken host from hanging the test.
  template <typename Condition>
  bool Await(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Status> loaded_;
  std::map<uint64_t, JobResult> results_;
  std::vector<uint64_t> order_;
  std::vector<uint64_t> doubled_;
  std::vector<Step> progress_;
  std::vector<std::pair<uint64_t, Buffer>> previews_;
  std::vector<std::string> logs_;
  std::map<uint64_t, std::shared_ptr<const SavedState>> saved_;
  uint64_t saves_ = 0;
  uint64_t batches_ = 0;
  std::vector<uint64_t> reserves_;
  uint64_t paused_ = 0;
  uint64_t unloaded_ = 0;
};

}  // namespace darkroom::host

#endif  // DARKROOM_TESTS_HOST_RECORDER_H_
