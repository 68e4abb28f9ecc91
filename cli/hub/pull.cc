// SPDX-License-Identifier: Apache-2.0

#include "cli/hub/pull.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cli/hub/file_digests.h"
#include "cli/hub/hub_record.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

// Behind the name of a file that is not whole yet.
constexpr const char* kPart = ".part";
constexpr std::chrono::milliseconds kLook{100};

Failure CannotMake(const fs::path& path, const std::error_code& error) {
  return Failure::Local(Status::FailedPrecondition(
      fmt::format("cannot make '{}': {}", path.string(), error.message()),
      "name a folder that you may write to with --to"));
}

class Puller {
 public:
  Puller(HubSource* source, HubModel* model, fs::path folder, PullProgress* progress,
         std::atomic<bool>* stop)
      : source_(source),
        model_(model),
        folder_(std::move(folder)),
        progress_(progress),
        stop_(stop) {}

  // Until all files are there, or one cannot be had.
  void Work() {
    for (size_t i = next_++; i < model_->files.size() && !*stop_; i = next_++) {
      if (std::optional<Failure> failure = One(i)) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::move(failure);
        *stop_ = true;  // nothing is lost: the others go on the next time
      }
    }
    const std::lock_guard lock(mutex_);
    ++ended_;
    changed_.notify_all();
  }

  void Wait(size_t workers, const std::function<void()>& look) {
    std::unique_lock lock(mutex_);
    while (ended_ < workers) {
      changed_.wait_for(lock, kLook);
      lock.unlock();
      look();
      lock.lock();
    }
  }

  std::optional<Failure>& failure() { return failure_; }

 private:
  std::optional<Failure> One(size_t i) {
    HubFile& file = model_->files[i];
    std::atomic<uint64_t>& have = progress_->have()[i];
    const auto on_bytes = [&have](uint64_t bytes) { have = bytes; };
    const fs::path whole = folder_ / file.path;
    const fs::path part = whole.string() + kPart;
    std::error_code error;
    fs::create_directories(whole.parent_path(), error);
    if (error) return CannotMake(whole.parent_path(), error);
    // Of an earlier, interrupted pull.
    if (fs::exists(whole, error) && Check(&file, whole).empty()) {
      on_bytes(file.size);
      return std::nullopt;
    }
    // What was gone on with may have been damaged: once more from its beginning, then.
    for (const bool again : {true, false}) {
      if (auto failure = source_->Fetch(*model_, file, part, on_bytes)) return failure;
      const std::string wrong = Check(&file, part);
      if (wrong.empty()) break;
      fs::remove(part, error);
      if (!again) {
        return Failure::Remote(Status::Internal(
            fmt::format("{} came damaged, twice: {}", file.path, wrong),
            "something between here and the hub changes files, or the hub's is damaged"));
      }
    }
    fs::rename(part, whole, error);
    if (error) return CannotMake(whole, error);
    return std::nullopt;
  }

  // Empty when it is what the hub says; then the file knows its SHA-256.
  static std::string Check(HubFile* file, const fs::path& path) {
    std::error_code error;
    if (const uintmax_t size = fs::file_size(path, error); error || size != file->size)
      return fmt::format("it has {} bytes of {}", error ? 0 : size, file->size);
    const Result<FileDigests> digests = DigestsOf(path);
    if (!digests.ok()) return digests.status().message();
    std::string wrong = Difference(*file, *digests);
    if (wrong.empty()) file->sha256 = digests->sha256;
    return wrong;
  }

  HubSource* const source_;
  HubModel* const model_;
  const fs::path folder_;
  PullProgress* const progress_;
  std::atomic<bool>* const stop_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t ended_ = 0;                // guarded by mutex_
  std::optional<Failure> failure_;  // guarded by mutex_
};

// A daemon that has mapped the old files keeps them until it lets them go.
std::optional<Failure> TakePlace(const fs::path& made, const fs::path& folder) {
  std::error_code error;
  const fs::path old = folder.parent_path() / ("." + folder.filename().string() + ".old");
  fs::remove_all(old, error);
  const bool was = fs::exists(folder, error);
  if (was) fs::rename(folder, old, error);
  if (!error) fs::rename(made, folder, error);
  if (error) return CannotMake(folder, error);
  if (was) fs::remove_all(old, error);
  return std::nullopt;
}

}  // namespace

uint64_t PullProgress::Sum() const {
  uint64_t sum = 0;
  for (const std::atomic<uint64_t>& have : have_) sum += have;
  return sum;
}

Outcome<HubModel> Pull(HubSource* source, HubModel model, const fs::path& folder, int at_once,
                       PullProgress* progress, std::atomic<bool>* stop,
                       const std::function<void()>& look) {
  const fs::path made = folder.parent_path() / ("." + folder.filename().string() + ".pulled");
  std::error_code error;
  fs::create_directories(made, error);
  if (error) return CannotMake(made, error);
  // What the last, interrupted pull of another commit has left would be taken for this one's.
  if (const auto before = ReadHubRecord(made); before.ok() && before->commit != model.commit) {
    fs::remove_all(made, error);
    fs::create_directories(made, error);
  }
  if (Status status = WriteHubRecord(made, model); !status.ok()) return Failure::Local(status);

  Puller puller(source, &model, made, progress, stop);
  const size_t workers = std::clamp<size_t>(model.files.size(), 1, static_cast<size_t>(at_once));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < workers; ++i) threads.emplace_back([&puller] { puller.Work(); });
  puller.Wait(workers, look);
  for (std::thread& thread : threads) thread.join();
  if (puller.failure()) return *std::move(puller.failure());
  if (*stop) return Failure::Interrupted("interrupted");

  if (Status status = WriteHubRecord(made, model); !status.ok()) return Failure::Local(status);
  if (auto failure = TakePlace(made, folder)) return *std::move(failure);
  return model;
}

Outcome<std::vector<std::string>> VerifyPulled(const fs::path& folder) {
  const Result<HubModel> model = ReadHubRecord(folder);
  if (!model.ok()) return Failure::Local(model.status());
  std::vector<std::string> wrong;
  for (const HubFile& file : model->files) {
    const Result<FileDigests> digests = DigestsOf(folder / file.path);
    if (!digests.ok()) {
      wrong.push_back(fmt::format("{}: {}", file.path, digests.status().message()));
    } else if (digests->sha256 != file.sha256) {
      wrong.push_back(
          fmt::format("{}: its SHA-256 is {}, it was {}", file.path, digests->sha256, file.sha256));
    }
  }
  return wrong;
}

}  // namespace darkroom
