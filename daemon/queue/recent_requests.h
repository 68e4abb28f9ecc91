// SPDX-License-Identifier: Apache-2.0
//
// RecentRequests keeps copies of the last requests that a model answered well, to be run again by a
// new generation of its plugin before that serves (`plugins.shadow`).
//
// For the io_context's thread.

#ifndef DARKROOM_QUEUE_RECENT_REQUESTS_H_
#define DARKROOM_QUEUE_RECENT_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "message/request.h"

namespace darkroom {

struct RecentRequest {
  struct Input {
    std::string name;
    std::string content_type;
    std::string bytes;
  };

  std::shared_ptr<const std::string> params;
  std::vector<Input> inputs;
  size_t size = 0;
};

class RecentRequests {
 public:
  // Of larger ones there are fewer, so that a model of large pictures holds no more than this.
  static constexpr size_t kMostBytes = size_t{64} << 20;

  explicit RecentRequests(size_t most) : most_(most) {}

  void Add(const Request& request, std::shared_ptr<const std::string> params) {
    if (most_ == 0 || request.InputBytes() > kMostBytes) return;
    RecentRequest recent;
    recent.params = std::move(params);
    for (const RequestInput& input : request.inputs) {
      recent.inputs.push_back(
          {input.info->name, input.content_type, std::string(AsText(input.bytes))});
      recent.size += input.bytes.size();
    }
    bytes_ += recent.size;
    requests_.push_back(std::make_shared<const RecentRequest>(std::move(recent)));
    while (requests_.size() > most_ || bytes_ > kMostBytes) {
      bytes_ -= requests_.front()->size;
      requests_.pop_front();
    }
  }

  // Oldest first.
  std::vector<std::shared_ptr<const RecentRequest>> All() const {
    return {requests_.begin(), requests_.end()};
  }

 private:
  const size_t most_;
  size_t bytes_ = 0;
  std::deque<std::shared_ptr<const RecentRequest>> requests_;
};

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_RECENT_REQUESTS_H_
