// SPDX-License-Identifier: Apache-2.0

#include "echo/slot.h"

#include <cassert>
#include <cstring>

namespace darkroom {

const char* Words(ReplyError error) {
  switch (error) {
    case ReplyError::kNone:
      return "none";
    case ReplyError::kLength:
      return "a reply of another length";
    case ReplyError::kContent:
      return "a reply of other bytes";
    case ReplyError::kService:
      return "an error reply";
    case ReplyError::kUnreached:
      return "nobody listens";
    case ReplyError::kTransport:
      return "the connection failed";
    case ReplyError::kNoReply:
      return "no reply";
  }
  return "unknown";
}

Slot::Slot(std::size_t index, std::size_t size)
    : bytes_(size), number_(static_cast<uint64_t>(index) << 40) {
  assert(size >= kMinimumSize);
  // A cheap pseudo-random sequence: no run of bytes repeats within a message, so a shifted reply is
  // not equal either.
  uint64_t state = 0x9e3779b97f4a7c15ULL * (index + 1);
  for (char& byte : bytes_) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
}

std::string_view Slot::Next() {
  ++number_;
  std::memcpy(bytes_.data(), &number_, sizeof(number_));
  sent_ = BenchClock::now();
  return {bytes_.data(), bytes_.size()};
}

ReplyError Slot::Check(std::string_view reply) const {
  if (reply.size() != bytes_.size()) return ReplyError::kLength;
  if (std::memcmp(reply.data(), bytes_.data(), bytes_.size()) != 0) return ReplyError::kContent;
  return ReplyError::kNone;
}

}  // namespace darkroom
