// SPDX-License-Identifier: Apache-2.0

#include "worker/probe.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <utility>

#include "core/units.h"
#include "worker/probe_program.h"

namespace darkroom {
namespace {

constexpr auto kEndGrace = std::chrono::seconds(1);

std::vector<std::string> ArgumentsFor(const Device& device,
                                      const std::filesystem::path& sim_folder) {
  if (device.kind == DeviceKind::kCuda) {
    return {kProbeArgument, "cuda", std::to_string(device.index)};
  }
  if (!device.simulated) return {kProbeArgument, "cpu"};
  return {kProbeArgument, "sim", (sim_folder / std::to_string(device.index)).string()};
}

}  // namespace

Probe::Probe(boost::asio::io_context& io, const Device& device, std::string program,
             const std::filesystem::path& sim_folder, std::chrono::milliseconds limit)
    : io_(io),
      program_(std::move(program)),
      arguments_(ArgumentsFor(device, sim_folder)),
      limit_(limit),
      timer_(io) {}

Probe::~Probe() { *alive_ = false; }

void Probe::Start(Done done) {
  done_ = std::move(done);
  Status failed;
  if (child_ != nullptr) {
    // What waits in a driver cannot even be killed; another would join it there.
    failed = {Code::kDeviceLost, "the process of an earlier probe does not end"};
  } else {
    ChildSpec spec;
    spec.program = program_;
    spec.arguments = arguments_;
    // It must see the devices as workers do.
    spec.environment = PlainEnvironment();
    if (const char* folders = std::getenv("LD_LIBRARY_PATH"); folders != nullptr) {
      spec.environment.push_back(std::string("LD_LIBRARY_PATH=") + folders);
    }
    printed_.clear();
    auto child = Child::Start(io_, spec,
                              {[this](int wait_status) { OnExit(wait_status); },
                               [this](const std::string& line) {
                                 if (printed_.empty()) printed_ = line;
                               }});
    if (child.ok()) {
      child_ = std::move(*child);
    } else {
      failed = child.status();
    }
  }
  if (!failed.ok()) {
    boost::asio::post(io_, [this, alive = alive_, failed] {
      if (*alive) Answer(failed);
    });
    return;
  }
  timer_.expires_after(limit_);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) CutOff();
  });
}

void Probe::CutOff() {
  cut_off_ = true;
  child_->Kill();
  // Whoever asks again at once is to find it gone, if it can be ended at all.
  timer_.expires_after(kEndGrace);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) AnswerSilence();
  });
}

void Probe::AnswerSilence() {
  Answer({Code::kDeviceLost,
          fmt::format("it did not answer a probe within {}", FormatDuration(limit_))});
}

void Probe::Answer(const Status& outcome) {
  timer_.cancel();
  if (done_) std::exchange(done_, nullptr)(outcome);
}

void Probe::OnExit(int wait_status) {
  const std::unique_ptr<Child> ended = std::move(child_);
  if (std::exchange(cut_off_, false)) {
    // Unless that was so late that another has asked since, and was told of it.
    if (timer_.cancel() > 0) AnswerSilence();
    return;
  }
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
    Answer(Status::Ok());
  } else if (WIFEXITED(wait_status) && !printed_.empty()) {
    Answer({Code::kDeviceLost, printed_});
  } else {
    Answer({Code::kDeviceLost,
            fmt::format("the process that probed it {}{}", WIFEXITED(wait_status) ? "" : "was ",
                        ExitWords(wait_status))});
  }
}

}  // namespace darkroom
