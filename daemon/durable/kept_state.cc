// SPDX-License-Identifier: Apache-2.0

#include "durable/kept_state.h"

#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/excerpt.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr uint32_t kFormat = 1;
constexpr size_t kLongestHead = 4096;

Status Damaged(const std::string& what) {
  return Status::FailedPrecondition("the kept state is damaged: " + what);
}

Status Foreign(const char* field, const std::string& found, const std::string& expected) {
  return Status::FailedPrecondition(
      fmt::format("the kept state's {} is {}, not {}", field, Excerpt(found), Excerpt(expected)));
}

Result<SavedState> Read(const StateOwner& owner, const json& head, Bytes bytes) {
  if (head.at("format").get<uint32_t>() != kFormat) {
    return Status::FailedPrecondition("the kept state is of another version's format");
  }
  const auto job = head.at("job").get<std::string>();
  const auto model = head.at("model").get<std::string>();
  const auto submission = head.at("submission").get<uint64_t>();
  if (job != owner.job) return Foreign("job", job, owner.job);
  if (model != owner.model) return Foreign("model", model, owner.model);
  if (submission != owner.submission) {
    return Foreign("submission", std::to_string(submission), std::to_string(owner.submission));
  }
  if (head.at("bytes").get<uint64_t>() != bytes.size()) {
    return Damaged(fmt::format("it has {} bytes", bytes.size()));
  }
  SavedState state;
  state.step = head.at("step").get<uint32_t>();
  state.plugin = head.at("plugin").get<std::string>();
  state.weights = head.at("weights").get<std::string>();
  state.bytes = Buffer::Copy(bytes);
  return state;
}

}  // namespace

Buffer WriteKeptState(const StateOwner& owner, const SavedState& state) {
  const json head = {
      {"format", kFormat},    {"job", owner.job},           {"submission", owner.submission},
      {"model", owner.model}, {"plugin", state.plugin},     {"weights", state.weights},
      {"step", state.step},   {"bytes", state.bytes.size()}};
  const std::string line = WriteJson(head) + '\n';
  Buffer object = Buffer::Allocate(line.size() + state.bytes.size());
  std::memcpy(object.data(), line.data(), line.size());
  if (!state.bytes.empty()) {
    std::memcpy(object.data() + line.size(), state.bytes.data(), state.bytes.size());
  }
  return object;
}

Result<SavedState> ReadKeptState(const StateOwner& owner, Bytes object) {
  const std::string_view text = AsText(object);
  const size_t end = text.substr(0, kLongestHead).find('\n');
  if (end == std::string_view::npos) return Damaged("it has no head");
  const Result<json> head = ParseJson(text.substr(0, end));
  if (!head.ok() || !head->is_object()) return Damaged("its head is no JSON object");
  try {
    return Read(owner, *head, object.subspan(end + 1));
  } catch (const json::exception& error) {
    return Damaged(error.what());
  }
}

}  // namespace darkroom
