// SPDX-License-Identifier: Apache-2.0
//
// JobCancel answers requests on darkroom.cancel.JOB with the state that the job ended in, whichever
// host has it: the host that runs an interactive job, or for a durable one any host, since whose
// final reply is stored first decides how it ended (docs/durable-jobs.md, "Cancelling").
//
// For the io_context's thread.

#ifndef DARKROOM_JOB_CANCEL_H_
#define DARKROOM_JOB_CANCEL_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <string_view>
#include <unordered_set>

#include "config/config.h"
#include "durable_jobs.h"
#include "job_flow.h"
#include "message/message.h"
#include "message/publisher.h"
#include "reply/replier.h"

namespace darkroom {

class JobCancel {
 public:
  // All outlive this. `durable`: nullptr where no durable jobs are run.
  struct Parts {
    boost::asio::io_context& io;
    const Config& config;
    JobFlow& flow;
    DurableJobs* durable;
    Publisher& publisher;
    Replier& replier;
  };

  explicit JobCancel(const Parts& parts) : parts_(parts) {}

  std::string subject() const { return parts_.config.nats.prefix + ".cancel.*"; }
  std::string taken_subject() const { return subject() + ".taken"; }

  // A request, on every host.
  void OnRequest(const Message& request);
  // The same request, on one of the hosts.
  void OnElected(const Message& request);
  // Another host has the job, and answers.
  void OnTaken(const Message& note);

 private:
  boost::asio::awaitable<void> AnswerForAll(std::string id, std::string reply);
  void Answer(const std::string& id, const std::string& reply, JobState state);

  const Parts parts_;
  std::unordered_set<std::string> taken_;  // of those that we were elected for
  std::unordered_set<std::string> asked_;
};

}  // namespace darkroom

#endif  // DARKROOM_JOB_CANCEL_H_
