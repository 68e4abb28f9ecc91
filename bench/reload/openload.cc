// SPDX-License-Identifier: Apache-2.0
//
// openload: asks a model over NATS at a fixed rate until SIGTERM, and writes down what became of
// every request. It prints "ready" once the first request has had its right reply, and at the end
// writes two things:
// - to --records, a line for each request: when it was sent (seconds of the monotonic clock, that
// of
//   Python's time.monotonic), how late that was by the rate, in microseconds, after how many
//   microseconds its first reply came (-1: never), how many replies came, 1 if one was wrong; and
//   of the first one: the number of its error (0: none), and how many milliseconds its receipt says
//   that the job waited and ran (-1: nothing);
// - to its output, one JSON line {requests, errors: {words: times}}.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "reload/open_loop.h"

namespace darkroom {
namespace {

// For a second reply, once each request has its first.
constexpr std::chrono::milliseconds kLate{500};

struct Arguments {
  OpenLoopPlan plan;
  double rate = 1000;
  double wait = 30;
  double patience = 8;
  std::string body_file;
  std::string records;
};

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

// Sleeps until `due`; false if it was told to end. Also where it is late: it must hear of the end.
bool SleepUntil(BenchClock::time_point due, const sigset_t& signals) {
  const std::chrono::nanoseconds left =
      std::max(due - BenchClock::now(), BenchClock::duration::zero());
  constexpr int64_t kSecond = 1'000'000'000;
  timespec time{};
  time.tv_sec = left.count() / kSecond;
  time.tv_nsec = left.count() % kSecond;
  return sigtimedwait(&signals, nullptr, &time) < 0;
}

// Sends by a timetable: whoever is late catches up, and the rate stays what it was said to be.
// Returns by how much each request was late.
Result<std::vector<float>> SendUntilTold(OpenLoop* loop, double rate, const sigset_t& signals) {
  std::vector<float> late_us;
  const std::chrono::duration<double> period(1 / rate);
  const auto start = BenchClock::now();
  while (true) {
    const auto due = start + std::chrono::duration_cast<BenchClock::duration>(
                                 period * static_cast<double>(late_us.size()));
    if (!SleepUntil(due, signals)) return late_us;
    late_us.push_back(std::chrono::duration<float, std::micro>(BenchClock::now() - due).count());
    if (Status status = loop->Send(); !status.ok()) return status;
  }
}

Status WriteRecords(const std::string& path, const OpenLoop& loop,
                    const std::vector<float>& late_us) {
  std::ofstream file(path);
  file << std::fixed;
  file.precision(6);
  for (std::size_t i = 0; i < late_us.size(); ++i) {
    const RequestRecord& record = loop.records()[i];
    file << std::chrono::duration<double>(record.sent.time_since_epoch()).count() << ' '
         << late_us[i] << ' ' << record.latency_us << ' ' << record.replies << ' '
         << (record.error != ReplyError::kNone) << ' ' << record.code << ' ' << record.queue_ms
         << ' ' << record.run_ms << '\n';
  }
  file.close();
  return file ? Status::Ok() : Status::Internal("cannot write " + path);
}

Status Run(const Arguments& arguments) {
  OpenLoopPlan plan = arguments.plan;
  if (!arguments.body_file.empty()) {
    std::ifstream file(arguments.body_file, std::ios::binary);
    plan.body.assign(std::istreambuf_iterator<char>(file), {});
    if (plan.body.empty()) return Status::NotFound("no bytes in " + arguments.body_file);
  }
  // Blocked before NATS.c starts its threads, which inherit the mask: only sigtimedwait sees them.
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  OpenLoop loop(std::move(plan));
  if (Status status = loop.Open(Milliseconds(arguments.wait)); !status.ok()) return status;
  std::cout << "ready" << std::endl;
  const auto late_us = SendUntilTold(&loop, arguments.rate, signals);
  if (!late_us.ok()) return late_us.status();
  loop.Finish(Milliseconds(arguments.patience), kLate);
  if (Status status = WriteRecords(arguments.records, loop, *late_us); !status.ok()) return status;
  const nlohmann::json line = {{"requests", late_us->size()}, {"errors", loop.errors()}};
  std::cout << line.dump() << std::endl;
  return Status::Ok();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Open-loop load for a model over NATS, until SIGTERM.");
  app.add_option("--url", arguments.plan.url, "nats://HOST:PORT")->required();
  app.add_option("--subject", arguments.plan.subject, "NATS subject")->required();
  app.add_option("--records", arguments.records, "File to write a line for each request to")
      ->required();
  app.add_option("--rate", arguments.rate, "Requests a second")->check(CLI::Range(0.1, 1e5));
  app.add_option("--size", arguments.plan.size, "Bytes of a request, which are to come back")
      ->check(CLI::Range(Slot::kMinimumSize, std::size_t{64} << 20));
  app.add_option("--body", arguments.body_file,
                 "File with every request's bytes; each reply must be as the first one was");
  app.add_option("--deadline", arguments.plan.deadline,
                 "How long each request says that it waits, such as 250ms");
  app.add_option("--wait", arguments.wait, "Seconds to wait for the first right reply");
  app.add_option("--patience", arguments.patience,
                 "Seconds to wait for the last replies; what has none by then is lost");
  CLI11_PARSE(app, argc, argv);
  if (Status status = Run(arguments); !status.ok()) {
    std::cerr << "openload: " << status.message() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) { return darkroom::Main(argc, argv); }
