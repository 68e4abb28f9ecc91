// SPDX-License-Identifier: Apache-2.0
//
// job_load: submits durable jobs over NATS JetStream and hears how each ends (JobSubmitter), in one
// of two ways:
// - --concurrency N, a closed loop: N jobs on their way, whoever ends is followed by another. What
//   a queue can do at most.
// - --rate R, an open loop: R jobs a second by a timetable, whether or not the ones before have
//   ended, as independent clients submit. What a job takes while there is room.
// It prints one JSON line with the rate, times, errors, and the CPU time that named processes used
// within the measured window. It exits 0 when it could measure at all; errors are in the line.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "echo/cpu_clock.h"
#include "echo/load.h"
#include "jobs/job_submitter.h"

namespace darkroom {
namespace {

struct Arguments {
  JobPlan plan;
  std::size_t concurrency = 0;
  double rate = 0;
  double warmup = 0.3;
  double seconds = 1;
  double wait = 30;
  double patience = 10;
  std::vector<std::string> cpu_of;
};

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

// Submits at its rate from Start to Stop, on a thread of its own.
class Timetable {
 public:
  Timetable(double rate, JobSubmitter* submitter) : rate_(rate), submitter_(submitter) {}
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  void Stop() {
    stopping_ = true;
    thread_.join();
  }
  // How late the submitting itself was, in 99 of 100 cases at most.
  double LateP99Microseconds() {
    if (late_us_.empty()) return 0;
    std::sort(late_us_.begin(), late_us_.end());
    return late_us_[(late_us_.size() * 99 + 99) / 100 - 1];
  }

 private:
  void Run() {
    const auto start = BenchClock::now();
    for (uint64_t number = 0; !stopping_; ++number) {
      const auto due =
          start + std::chrono::duration_cast<BenchClock::duration>(
                      std::chrono::duration<double>(static_cast<double>(number) / rate_));
      std::this_thread::sleep_until(due);
      late_us_.push_back(
          std::chrono::duration<double, std::micro>(BenchClock::now() - due).count());
      submitter_->Submit();
    }
  }

  const double rate_;
  JobSubmitter* const submitter_;
  std::atomic<bool> stopping_{false};
  std::vector<double> late_us_;  // the thread's, until it has ended
  std::thread thread_;
};

Status Measure(const Arguments& arguments, nlohmann::json* line) {
  auto clocks = CpuClocks::FromSpecs(arguments.cpu_of);
  if (!clocks.ok()) return clocks.status();

  Meter meter;
  const bool closed = arguments.concurrency > 0;
  std::atomic<bool> going{closed};
  JobSubmitter submitter(arguments.plan, &meter, [&] {
    if (going && meter.errors() < kErrorLimit) submitter.Submit();
  });
  if (Status status = submitter.Open(Milliseconds(arguments.wait)); !status.ok()) return status;
  Timetable timetable(arguments.rate, &submitter);
  if (!closed) timetable.Start();
  for (std::size_t i = 0; i < arguments.concurrency; ++i) submitter.Submit();
  std::this_thread::sleep_for(Milliseconds(arguments.warmup));

  bool ended_before = false;
  bool ended_after = false;
  const double own_before = OwnCpuMicroseconds();
  const auto before = clocks->ReadMicroseconds(&ended_before);
  meter.OpenWindow();
  std::this_thread::sleep_for(Milliseconds(arguments.seconds));
  meter.CloseWindow();
  const auto after = clocks->ReadMicroseconds(&ended_after);
  const double own_after = OwnCpuMicroseconds();
  going = false;
  if (!closed) timetable.Stop();
  submitter.Finish(Milliseconds(arguments.patience));

  if (ended_before || ended_after) {
    return Status::FailedPrecondition("a process of --cpu-of ended during the run");
  }
  const MeterResult result = meter.Finish();
  if (result.requests == 0) {
    return Status::Internal("no job ended within the window" +
                            (result.errors == 0 ? "" : ": " + result.first_error));
  }
  const double jobs = static_cast<double>(result.requests);
  nlohmann::json cpu = nlohmann::json::object();
  for (const auto& [name, used] : after) cpu[name] = (used - before.at(name)) / jobs;
  *line = {{"jobs", result.requests},
           {"seconds", result.seconds},
           {"jobs_per_s", result.rps},
           {"p50_ms", result.p50_us / 1000},
           {"p99_ms", result.p99_us / 1000},
           {"max_ms", result.max_us / 1000},
           {"late_p99_ms", timetable.LateP99Microseconds() / 1000},
           {"errors", result.errors},
           {"first_error", result.first_error},
           {"client_cpu_us", (own_after - own_before) / jobs},
           {"cpu_us", cpu}};
  return Status::Ok();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Load of durable jobs over NATS JetStream; prints one JSON line.");
  app.add_option("--url", arguments.plan.url, "nats://HOST:PORT")->required();
  app.add_option("--subject", arguments.plan.subject, "Subject that jobs are published to")
      ->required();
  auto* replies = app.add_option("--replies", arguments.plan.replies,
                                 "What the subjects of final replies begin with; the id follows");
  auto* acks = app.add_option("--acks-of", arguments.plan.stream,
                              "Instead: jobs are in this stream, and end when acknowledged");
  replies->excludes(acks);
  auto* concurrency = app.add_option("--concurrency", arguments.concurrency, "Jobs on their way")
                          ->check(CLI::Range(1, 4096));
  auto* rate =
      app.add_option("--rate", arguments.rate, "Jobs a second")->check(CLI::Range(0.1, 1e5));
  concurrency->excludes(rate);
  app.add_option("--size", arguments.plan.size, "Bytes of a job")
      ->check(CLI::Range(Slot::kMinimumSize, std::size_t{64} << 20));
  app.add_option("--warmup", arguments.warmup, "Seconds before the window");
  app.add_option("--seconds", arguments.seconds, "Seconds of the window");
  app.add_option("--wait", arguments.wait, "Seconds to wait for the first job's end");
  app.add_option("--patience", arguments.patience,
                 "Seconds to wait for the last jobs; what has not ended by then is an error");
  app.add_option("--cpu-of", arguments.cpu_of,
                 "NAME=PID[,PID...]: report their CPU time a job; repeatable");
  CLI11_PARSE(app, argc, argv);
  if ((replies->count() == 0) == (acks->count() == 0) ||
      (concurrency->count() == 0) == (rate->count() == 0)) {
    std::cerr << "job_load: one of --replies and --acks-of, and one of --concurrency and --rate\n";
    return 2;
  }

  nlohmann::json line;
  if (Status status = Measure(arguments, &line); !status.ok()) {
    std::cerr << "job_load: " << status.message() << "\n";
    return 1;
  }
  std::cout << line.dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) { return darkroom::Main(argc, argv); }
