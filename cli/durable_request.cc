// SPDX-License-Identifier: Apache-2.0

#include "cli/durable_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "durable/job_record.h"

namespace darkroom {
namespace {

constexpr size_t kLongestId = 64;

// Of the headers of a kept message, those that its sender did not write, and those that are written
// anew.
bool IsAdded(std::string_view name) {
  return name.starts_with("Nats-") || name == "Darkroom-Job" || name == "Darkroom-Class" ||
         name == "Darkroom-Dead-Letter" || name == "Darkroom-Retry-Of";
}

void AddDurable(const DurableParts& parts, Outgoing* job) {
  HeaderList& headers = job->headers;
  SetHeader(&headers, "Nats-Msg-Id", parts.id);
  SetHeader(&headers, "Darkroom-Reply-To", parts.reply_to);
  SetHeader(&headers, "Darkroom-Tags", TagsHeader(parts.tags));
}

}  // namespace

Status CheckClass(std::string_view job_class) {
  if (std::find(kJobClasses.begin(), kJobClasses.end(), job_class) != kJobClasses.end()) return {};
  return Status::InvalidArgument(fmt::format("there is no class '{}' of jobs", job_class),
                                 fmt::format("one of {}", fmt::join(kJobClasses, ", ")));
}

Result<Tags> CheckTags(const std::vector<std::string>& assignments) {
  Tags tags;
  for (const std::string& one : assignments) {
    // One text of several tags is what the header separates by commas.
    if (one.find(',') != std::string::npos ||
        !std::all_of(one.begin(), one.end(),
                     [](unsigned char c) { return c >= 0x20 && c != 0x7F; })) {
      return Status::InvalidArgument(fmt::format("'{}' is no tag", one),
                                     "write them one by one, without commas: --tag album=42");
    }
    Result<Tags> parsed = ParseTags(one);
    if (!parsed.ok()) return parsed.status();
    tags.merge(*parsed);
  }
  Result<Tags> together = ParseTags(TagsHeader(tags));
  if (!together.ok()) return together.status();
  return tags;
}

std::string TagsHeader(const Tags& tags) {
  std::string text;
  for (const auto& [name, value] : tags) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, value);
  }
  return text;
}

void SetHeader(HeaderList* headers, std::string_view name, std::string value) {
  std::erase_if(*headers, [name](const auto& header) { return header.first == name; });
  if (!value.empty()) headers->emplace_back(name, std::move(value));
}

Outgoing MakeDurable(Outgoing request, const DurableParts& parts, const DurableNames& names) {
  request.subject = names.Job(parts.job_class, parts.model);
  SetHeader(&request.headers, "Darkroom-Job", {});
  AddDurable(parts, &request);
  return request;
}

Outgoing CopyOfJob(HeaderList headers, std::string body, const DurableParts& parts,
                   std::string_view old_id, const DurableNames& names) {
  std::erase_if(headers, [](const auto& header) { return IsAdded(header.first); });
  Outgoing job{names.Job(parts.job_class, parts.model), std::move(headers), std::move(body)};
  AddDurable(parts, &job);
  SetHeader(&job.headers, "Darkroom-Retry-Of", std::string(old_id));
  return job;
}

RetryName ParseRetryName(const std::string& id) {
  const size_t dash = id.rfind("-r");
  if (dash == std::string::npos || dash == 0) return {id, 0};
  const std::string digits = id.substr(dash + 2);
  // Longer ones are no counting of ours.
  const bool number =
      !digits.empty() && digits.size() <= 4 && digits.front() != '0' &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number) return {id, 0};
  return {id.substr(0, dash), static_cast<uint32_t>(std::stoul(digits))};
}

std::string RetryId(const std::string& base, uint32_t number) {
  std::string id = fmt::format("{}-r{}", base, number);
  return id.size() <= kLongestId ? id : std::string();
}

}  // namespace darkroom
