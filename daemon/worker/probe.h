// SPDX-License-Identifier: Apache-2.0
//
// Probe asks a device whether it still computes. Each time that is a fresh process
// (probe_program.h), with a limit of time: what hangs or dies in it harms nobody, and it shares no
// context with anything that may have lost one.
//
// For the io_context's thread. Destroying it ends a process that is under way.

#ifndef DARKROOM_WORKER_PROBE_H_
#define DARKROOM_WORKER_PROBE_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "device/device.h"
#include "worker/child.h"

namespace darkroom {

class Probe {
 public:
  using Done = std::function<void(const Status& outcome)>;

  // `program` is darkroom-worker. Files named by simulated devices' numbers in `sim_folder` say
  // that these are lost.
  Probe(boost::asio::io_context& io, const Device& device, std::string program,
        const std::filesystem::path& sim_folder, std::chrono::milliseconds limit);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // One at a time; `done` is called later, once.
  void Start(Done done);

 private:
  void Answer(const Status& outcome);
  void AnswerSilence();
  void CutOff();
  void OnExit(int wait_status);

  boost::asio::io_context& io_;
  const std::string program_;
  const std::vector<std::string> arguments_;
  const std::chrono::milliseconds limit_;
  boost::asio::steady_timer timer_;
  Done done_;
  std::string printed_;
  std::unique_ptr<Child> child_;
  bool cut_off_ = false;  // it was ended; how it ends is no answer
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_PROBE_H_
