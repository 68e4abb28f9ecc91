// SPDX-License-Identifier: Apache-2.0
//
// Pulls a model's files into a folder: several at once, each checked against what the hub says of
// it. They are put together beside the folder and take its name when they are whole, so that no
// daemon ever reads half a model; what was loaded before an interruption is not loaded again.
//
// Pull is called by one thread, starts others, and has ended them when it returns.

#ifndef DARKROOM_CLI_HUB_PULL_H_
#define DARKROOM_CLI_HUB_PULL_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/hub/hub_source.h"

namespace darkroom {

// Each file's bytes that are there, in the order of the model's files.
class PullProgress {
 public:
  explicit PullProgress(size_t files) : have_(files) {}

  std::vector<std::atomic<uint64_t>>& have() { return have_; }
  uint64_t Sum() const;

 private:
  std::vector<std::atomic<uint64_t>> have_;
};

// Puts `model`'s files into `folder`. `look` is called by the calling thread ten times a second.
// What comes back has every file's SHA-256.
Outcome<HubModel> Pull(HubSource* source, HubModel model, const std::filesystem::path& folder,
                       int at_once, PullProgress* progress, std::atomic<bool>* stop,
                       const std::function<void()>& look);

// Which of a record's files are not as they were: a sentence each.
Outcome<std::vector<std::string>> VerifyPulled(const std::filesystem::path& folder);

}  // namespace darkroom

#endif  // DARKROOM_CLI_HUB_PULL_H_
