// SPDX-License-Identifier: Apache-2.0
//
// What durable jobs' streams, consumers and subjects are called, all of them made of the prefix
// (`nats.prefix`), so that several systems may share one server.
//
// Pure; any thread.

#ifndef DARKROOM_DURABLE_NAMES_H_
#define DARKROOM_DURABLE_NAMES_H_

#include <string>
#include <string_view>

namespace darkroom {

struct DurableNames {
  explicit DurableNames(const std::string& prefix);

  std::string Job(std::string_view job_class, std::string_view model) const;  // a subject
  std::string Result(std::string_view model, std::string_view job) const;     // a subject
  std::string Dead(std::string_view model, std::string_view job) const;       // a subject
  std::string Request(std::string_view model, std::string_view job) const;    // a subject
  // What the server says of each job it has stored, the headers alone.
  std::string Announced(std::string_view job_class, std::string_view model) const;
  std::string State(std::string_view job) const;  // a subject
  static std::string Consumer(std::string_view job_class, std::string_view model);

  std::string prefix;
  std::string jobs;  // streams
  std::string results;
  std::string dead;
  std::string requests;
  std::string states;
  std::string bucket;   // of key and values: what `states` is to people
  std::string objects;  // a bucket of objects
  std::string saved;    // another, of the states of jobs that run in steps
};

}  // namespace darkroom

#endif  // DARKROOM_DURABLE_NAMES_H_
