// SPDX-License-Identifier: Apache-2.0
//
// Streams makes what durable jobs live in: the work queue, the stored results, the bucket of states
// and a consumer for each model and class. What is there already is changed to what it should be,
// or, where the daemon may not (`jobs: {manage_streams: false}`), only looked at.
//
// For the io_context's thread.

#ifndef DARKROOM_DURABLE_STREAMS_H_
#define DARKROOM_DURABLE_STREAMS_H_

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "config/config.h"
#include "core/status.h"
#include "durable/jetstream.h"
#include "durable/names.h"

namespace darkroom {

class Streams {
 public:
  // All outlive this.
  Streams(JetStream& jetstream, const DurableNames& names, const JobsConfig& config)
      : jetstream_(jetstream), names_(names), config_(config) {}

  boost::asio::awaitable<Status> Ensure();
  // The bucket of jobs' saved states, which is made when there is the first.
  boost::asio::awaitable<Status> EnsureSaved();
  boost::asio::awaitable<Status> EnsureConsumer(std::string job_class, std::string model);

 private:
  // `wanted` is the stream's configuration, as the API has it.
  boost::asio::awaitable<Status> EnsureStream(nlohmann::json wanted);
  nlohmann::json Common(const std::string& name, const std::string& subject) const;
  nlohmann::json Kept(const std::string& name, const std::string& subject,
                      std::chrono::milliseconds keep) const;
  nlohmann::json Objects(const std::string& bucket) const;

  JetStream& jetstream_;
  const DurableNames& names_;
  const JobsConfig& config_;
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_STREAMS_H_
