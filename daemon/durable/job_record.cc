// SPDX-License-Identifier: Apache-2.0

#include "durable/job_record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/excerpt.h"

namespace darkroom {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr size_t kMostTags = 16;
constexpr size_t kLongestTag = 200;

// RFC 3339, in UTC, to the millisecond; empty: never.
std::string TimeText(JobRecord::Time time) {
  const int64_t ms = std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
  if (ms == 0) return {};
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

std::optional<JobRecord::Time> ParseTime(const std::string& text) {
  if (text.empty()) return JobRecord::Time{};
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || *rest != '.') return std::nullopt;
  int ms = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(rest + 1, end, ms);
  if (error != std::errc() || after - rest != 4 || std::string_view(after) != "Z") {
    return std::nullopt;
  }
  return system_clock::from_time_t(timegm(&parts)) + milliseconds(ms);
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

json ErrorText(const Status& status) {
  return {
      {"code", CodeName(status.code())}, {"message", status.message()}, {"hint", status.hint()}};
}

Status Wrong() { return Status::Internal("a job's state is not as this version writes it"); }

Status ReadDocument(const json& document, JobRecord* record) {
  document.at("id").get_to(record->id);
  document.at("model").get_to(record->model);
  document.at("class").get_to(record->job_class);
  document.at("attempts").get_to(record->attempts);
  record->returned = document.value("returned", uint32_t{0});
  record->host = document.value("host", "");
  record->device = document.value("device", "");
  record->result = document.value("result", "");
  record->progress = document.value("progress", 0.0);
  record->stage = document.value("stage", "");
  record->receipt = document.value("receipt", json());
  if (!record->receipt.is_null() && !record->receipt.is_object()) return Wrong();
  record->dead = document.value("dead", false);
  record->history = document.value("history", std::vector<std::string>());
  record->tags = document.value("tags", std::map<std::string, std::string>());

  const auto state = JobStateByName(document.at("state").get_ref<const std::string&>());
  const auto submitted = ParseTime(document.value("submitted", ""));
  const auto started = ParseTime(document.value("started", ""));
  const auto finished = ParseTime(document.value("finished", ""));
  if (!state || !submitted || !started || !finished) return Wrong();
  record->state = *state;
  record->submitted = *submitted;
  record->started = *started;
  record->finished = *finished;

  if (const auto error = document.find("error"); error != document.end()) {
    const auto code = CodeByName(error->at("code").get_ref<const std::string&>());
    if (!code) return Wrong();
    record->error = Status(*code, error->value("message", ""), error->value("hint", ""));
  }
  return Status::Ok();
}

}  // namespace

bool JobRecord::Move(JobState to) {
  if (ended()) return false;
  // An attempt may have begun and ended before anybody wrote that it ran.
  state = to;
  progress = 0;
  stage.clear();
  return true;
}

json JobRecord::ToJson() const {
  json document = {{"id", id},
                   {"model", model},
                   {"class", job_class},
                   {"state", JobStateName(state)},
                   {"attempts", attempts},
                   {"submitted", TimeText(submitted)}};
  const auto put = [&document](const char* key, const std::string& value) {
    if (!value.empty()) document[key] = value;
  };
  put("started", TimeText(started));
  put("finished", TimeText(finished));
  put("host", host);
  put("device", device);
  put("result", result);
  put("stage", stage);
  if (progress > 0) document["progress"] = progress;
  if (returned > 0) document["returned"] = returned;
  if (!receipt.is_null()) document["receipt"] = receipt;
  if (dead) document["dead"] = true;
  if (!history.empty()) document["history"] = history;
  if (!tags.empty()) document["tags"] = tags;
  if (!error.ok()) document["error"] = ErrorText(error);
  return document;
}

Result<JobRecord> JobRecord::FromJson(const json& document) {
  JobRecord record;
  try {
    if (Status status = ReadDocument(document, &record); !status.ok()) return status;
  } catch (const json::exception& error) {
    return Status::Internal(fmt::format("{}: {}", Wrong().message(), error.what()));
  }
  return record;
}

Result<std::map<std::string, std::string>> ParseTags(std::string_view text) {
  std::map<std::string, std::string> tags;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view one = Trimmed(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    const size_t equals = one.find('=');
    if (equals == std::string_view::npos || equals == 0 || one.size() > kLongestTag) {
      return Status::InvalidArgument(fmt::format("'{}' is no tag", Excerpt(one)),
                                     "write tags like album=42, owner=me");
    }
    tags[std::string(Trimmed(one.substr(0, equals)))] = Trimmed(one.substr(equals + 1));
  }
  if (tags.size() > kMostTags) {
    return Status::InvalidArgument(fmt::format("a job may have at most {} tags", kMostTags));
  }
  return tags;
}

}  // namespace darkroom
