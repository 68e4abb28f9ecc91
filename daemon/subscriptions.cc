// SPDX-License-Identifier: Apache-2.0

#include "subscriptions.h"

#include <utility>

namespace darkroom {

Result<uint32_t> Subscriptions::Add(const std::string& subject, const std::string& group,
                                    Handler handler) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(handlers_.size()));
    handlers_.emplace_back();
  }
  const uint32_t number = free_.back();
  if (Status status = intake_->Subscribe(subject, group, number); !status.ok()) return status;
  free_.pop_back();
  handlers_[number] = std::move(handler);
  return number;
}

void Subscriptions::Remove(uint32_t number, std::function<void()> dry) {
  intake_->Unsubscribe(number, [this, number, dry = std::move(dry)] {
    handlers_[number] = nullptr;
    free_.push_back(number);
    dry();
  });
}

}  // namespace darkroom
