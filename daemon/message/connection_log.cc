// SPDX-License-Identifier: Apache-2.0

#include "message/connection_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace darkroom {
namespace {

constexpr size_t kMostKept = 16;
constexpr auto kSilence = std::chrono::minutes(1);

const char* HintFor(NatsTrouble kind) {
  switch (kind) {
    case NatsTrouble::kPermission:
      return " (let the server allow it: config/nats/darkroom.conf has what is needed)";
    case NatsTrouble::kLogin:
      return " (look at nats.url, creds, nkey, token_file, user and tls, and at the server's log)";
    case NatsTrouble::kLameDuck:
      return " (another one is connected to when it does, if there is one)";
    default:
      return "";
  }
}

}  // namespace

std::string_view NatsTroubleName(NatsTrouble kind) {
  constexpr std::array<std::string_view, kNatsTroubles> kNames = {
      "permission", "login", "slow_consumer", "lame_duck", "other"};
  return kNames[static_cast<size_t>(kind)];
}

void ConnectionLog::Note(NatsTrouble kind, const std::string& connection, const std::string& what) {
  const auto now = std::chrono::steady_clock::now();
  std::string line;
  {
    std::lock_guard lock(mutex_);
    ++counts_[static_cast<size_t>(kind)];
    const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& one) {
      return one.entry.kind == kind && one.entry.connection == connection && one.entry.what == what;
    });
    Kept kept{{kind, connection, what, 0, {}}, {}, 0};
    if (found != kept_.end()) {
      kept = std::move(*found);
      kept_.erase(found);
    }
    kept.entry.last = std::chrono::system_clock::now();
    const bool tell = kept.entry.times++ == 0 || now - kept.told >= kSilence;
    if (tell) {
      line = fmt::format("NATS, connection for {}: {}{}", connection, what, HintFor(kind));
      if (kept.untold > 0)
        line += fmt::format("; {} times more since it was last told", kept.untold);
      kept.told = now;
      kept.untold = 0;
    } else {
      ++kept.untold;
    }
    if (kept_.size() == kMostKept) kept_.erase(kept_.begin());
    kept_.push_back(std::move(kept));
  }
  if (line.empty()) return;
  const bool grave = kind == NatsTrouble::kPermission || kind == NatsTrouble::kLogin;
  log_.log(grave ? spdlog::level::err : spdlog::level::warn, "{}", line);
}

uint64_t ConnectionLog::Count(NatsTrouble kind) const {
  std::lock_guard lock(mutex_);
  return counts_[static_cast<size_t>(kind)];
}

std::vector<ConnectionLog::Entry> ConnectionLog::Entries() const {
  std::lock_guard lock(mutex_);
  std::vector<Entry> entries;
  for (const Kept& one : kept_) entries.push_back(one.entry);
  return entries;
}

}  // namespace darkroom
