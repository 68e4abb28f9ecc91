// SPDX-License-Identifier: Apache-2.0

#include "cli/batch_tally.h"

#include <algorithm>
#include <utility>

#include "cli/durable_request.h"
#include "cli/gather.h"

namespace darkroom {
namespace {

using nlohmann::json;

LineState StateFor(const json& document) {
  const std::string name = TextField(document, "state");
  if (name == "succeeded") return LineState::kSucceeded;
  if (name == "failed") return LineState::kFailed;
  if (name == "cancelled") return LineState::kCancelled;
  if (name == "expired") return LineState::kExpired;
  return LineState::kUnfinished;
}

bool Ended(LineState state) { return state > LineState::kUnfinished; }

}  // namespace

BatchTally::BatchTally(const BatchFile& file) : file_(file), lines_(file.entries().size()) {
  counts_[static_cast<size_t>(LineState::kPending)] = lines_.size();
}

std::optional<std::pair<size_t, uint32_t>> BatchTally::Match(const std::string& job) const {
  if (const int64_t line = file_.Find(job); line >= 0) {
    return std::pair(static_cast<size_t>(line), uint32_t{0});
  }
  const RetryName name = ParseRetryName(job);
  if (name.number == 0) return std::nullopt;
  const int64_t line = file_.Find(name.base);
  if (line < 0) return std::nullopt;
  return std::pair(static_cast<size_t>(line), name.number);
}

void BatchTally::Set(size_t line, LineState state) {
  --counts_[static_cast<size_t>(lines_[line].state)];
  lines_[line].state = state;
  ++counts_[static_cast<size_t>(state)];
}

void BatchTally::Note(size_t line, const json& state) {
  failures_.erase(line);
  if (!Ended(lines_[line].state) || lines_[line].state == LineState::kSucceeded) return;
  failures_[line] = {file_.entries()[line].number, JobOf(line), TextField(state, "state"),
                     PartField(state, "error")};
}

void BatchTally::OnPast(const json& state) {
  const auto match = Match(TextField(state, "id"));
  if (!match) return;
  const auto [line, retry] = *match;
  if (retry < lines_[line].retry) return;
  lines_[line].retry = retry;
  Set(line, StateFor(state));
  Note(line, state);
}

void BatchTally::EndPast(bool retry_failed) {
  for (size_t i = 0; i < lines_.size(); ++i) {
    Line& line = lines_[i];
    if (!Ended(line.state)) continue;
    if (retry_failed && line.state != LineState::kSucceeded) {
      ++line.retry;
      Set(i, LineState::kPending);
      failures_.erase(i);
      continue;
    }
    line.before = true;
    ++before_;
  }
}

std::optional<size_t> BatchTally::TakePending() {
  while (next_ < lines_.size() && lines_[next_].state != LineState::kPending) ++next_;
  if (next_ == lines_.size()) return std::nullopt;
  Set(next_, LineState::kUnfinished);
  return next_++;
}

void BatchTally::PutBack(size_t line) {
  Set(line, LineState::kPending);
  next_ = std::min(next_, line);
}

std::optional<size_t> BatchTally::OnChange(const json& state) {
  const auto match = Match(TextField(state, "id"));
  if (!match) return std::nullopt;
  const auto [line, retry] = *match;
  // What ended stays so, and of older tries nothing more is wanted.
  if (Ended(lines_[line].state) || retry < lines_[line].retry) return std::nullopt;
  lines_[line].retry = retry;
  // A pending one that changes has been submitted by somebody else, who runs the same file.
  const LineState now = StateFor(state);
  Set(line, now);
  if (!Ended(now)) return std::nullopt;
  Note(line, state);
  return line;
}

void BatchTally::Fail(size_t line, const std::string& state, json error) {
  Set(line, LineState::kFailed);
  failures_[line] = {file_.entries()[line].number, JobOf(line), state, std::move(error)};
}

std::string BatchTally::JobOf(size_t line) const {
  const std::string& id = file_.entries()[line].id;
  return lines_[line].retry == 0 ? id : RetryId(id, lines_[line].retry);
}

std::vector<LineFailure> BatchTally::failures() const {
  std::vector<LineFailure> all;
  for (const auto& [line, failure] : failures_) all.push_back(failure);
  return all;
}

std::vector<size_t> BatchTally::SucceededBefore() const {
  std::vector<size_t> all;
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].before && lines_[i].state == LineState::kSucceeded) all.push_back(i);
  }
  return all;
}

}  // namespace darkroom
