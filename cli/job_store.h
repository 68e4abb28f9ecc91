// SPDX-License-Identifier: Apache-2.0
//
// JobStore is what the server keeps of durable jobs, as docs/durable-jobs.md has it: it submits
// jobs, and finds their states, results, requests and dead letters.
//
// One thread; the client's, which outlives it.

#ifndef DARKROOM_CLI_JOB_STORE_H_
#define DARKROOM_CLI_JOB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/exit_code.h"
#include "cli/jet_stream.h"
#include "durable/names.h"

namespace darkroom {

class JobStore {
 public:
  // Fails in words where the server keeps no jobs.
  static Outcome<std::unique_ptr<JobStore>> Open(Client* client, const std::string& prefix);

  const DurableNames& names() const { return names_; }
  JetStream& streams() { return *streams_; }
  const std::string& url() const { return client_.url(); }

  // Has a job stored; it bears its id in Nats-Msg-Id. A large body goes by claim check.
  Outcome<JetStream::Stored> Submit(Outgoing job);
  // Whether some daemon takes jobs of this model and class, now or when it is back.
  Outcome<bool> Knows(const std::string& job_class, const std::string& model);

  // How many jobs of a class and model lie in the queue, those that run among them; empty: of any.
  Outcome<uint64_t> CountKept(const std::string& job_class, const std::string& model);

  // A job's state document; nothing if there is none.
  Outcome<std::optional<nlohmann::json>> Find(const std::string& job);
  // The same, where there must be one.
  Outcome<nlohmann::json> State(const std::string& job);
  // The stored reply of a job that has ended, with its body, wherever that lies.
  Outcome<std::optional<Incoming>> Reply(const nlohmann::json& state);
  // What of a job's request is kept, by any model.
  Outcome<std::optional<Incoming>> Request(const std::string& job);
  Outcome<std::optional<Incoming>> DeadLetter(const std::string& job);

  // All states, in the order in which they were changed last, until `each` returns false.
  std::optional<Failure> WalkStates(std::optional<std::chrono::system_clock::time_point> since,
                                    const std::function<bool(const nlohmann::json&)>& each);
  // All dead letters without their bodies, oldest first.
  std::optional<Failure> WalkDead(const std::function<bool(const Incoming&)>& each);

  // The states of this job, or of all ("*"), as events with this number.
  StreamQuery StateQuery(const std::string& job) const;

 private:
  JobStore(Client* client, const std::string& prefix) : client_(*client), names_(prefix) {}

  Client& client_;
  const DurableNames names_;
  std::unique_ptr<JetStream> streams_;
};

// The state in a message of the bucket; nothing where it is a deletion or no such document.
std::optional<nlohmann::json> StateIn(const Incoming& message);

// Whether the state is one that is never left.
bool HasEnded(const nlohmann::json& state);

}  // namespace darkroom

#endif  // DARKROOM_CLI_JOB_STORE_H_
