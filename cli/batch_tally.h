// SPDX-License-Identifier: Apache-2.0
//
// BatchTally knows how each line of a batch is, from the states of jobs as they come: what is to be
// submitted, what is under way and what has ended. A line's job may have been retried, under the id
// ID-rN; then its newest retry is the line's.
//
// It asks nobody; one thread.

#ifndef DARKROOM_CLI_BATCH_TALLY_H_
#define DARKROOM_CLI_BATCH_TALLY_H_

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/batch_file.h"

namespace darkroom {

// Those from kSucceeded on are the end.
enum class LineState : uint8_t { kPending, kUnfinished, kSucceeded, kFailed, kCancelled, kExpired };

struct LineFailure {
  uint64_t number = 0;  // of the line
  std::string job;
  std::string state;
  nlohmann::json error;  // {"code", "message", "hint"}
};

class BatchTally {
 public:
  explicit BatchTally(const BatchFile& file);

  // What the bucket had before anything was submitted; and after its end what that means:
  // with `retry_failed` those that did not succeed are pending again.
  void OnPast(const nlohmann::json& state);
  void EndPast(bool retry_failed);

  // The next line to submit, which is unfinished from now on; nothing if there is none.
  std::optional<size_t> TakePending();
  // It could not be submitted yet.
  void PutBack(size_t line);
  // A change. The line whose job has just ended by it.
  std::optional<size_t> OnChange(const nlohmann::json& state);
  // It was not accepted, or its result could not be written.
  void Fail(size_t line, const std::string& state, nlohmann::json error);

  std::string JobOf(size_t line) const;  // its id, that of the newest retry
  uint32_t RetryOf(size_t line) const { return lines_[line].retry; }
  LineState StateOf(size_t line) const { return lines_[line].state; }

  size_t size() const { return lines_.size(); }
  size_t unfinished() const { return Count(LineState::kUnfinished); }
  size_t pending() const { return Count(LineState::kPending); }
  size_t before() const { return before_; }  // ended before this began
  size_t ended() const { return size() - unfinished() - pending(); }
  size_t Count(LineState state) const { return counts_[static_cast<size_t>(state)]; }
  // By line.
  std::vector<LineFailure> failures() const;
  // Lines that succeeded before this began.
  std::vector<size_t> SucceededBefore() const;

 private:
  struct Line {
    LineState state = LineState::kPending;
    bool before = false;
    uint32_t retry = 0;
  };

  // The line that the job is of, and which retry it is.
  std::optional<std::pair<size_t, uint32_t>> Match(const std::string& job) const;
  void Set(size_t line, LineState state);
  void Note(size_t line, const nlohmann::json& state);

  const BatchFile& file_;
  std::vector<Line> lines_;
  std::array<size_t, 6> counts_{};
  size_t next_ = 0;  // before it nothing is pending
  size_t before_ = 0;
  std::map<size_t, LineFailure> failures_;
};

}  // namespace darkroom

#endif  // DARKROOM_CLI_BATCH_TALLY_H_
