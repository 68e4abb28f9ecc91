// SPDX-License-Identifier: Apache-2.0
//
// loadgen: keeps a fixed number of requests in flight towards an echo responder, over NATS
// request/reply or HTTP/1.1, checks every reply byte for byte, and prints one JSON line with rates,
// times, errors, and the CPU time that named processes used within the measured window. It exits 0
// when it could measure at all; errors are in the line.

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "echo/cpu_clock.h"
#include "echo/load.h"

namespace darkroom {
namespace {

constexpr std::chrono::seconds kFinishPatience{5};

struct Arguments {
  LoadPlan plan;
  double warmup = 0.3;
  double seconds = 1;
  double wait = 10;
  std::vector<std::string> cpu_of;
};

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

Status Measure(const Arguments& arguments, nlohmann::json* line) {
  auto clocks = CpuClocks::FromSpecs(arguments.cpu_of);
  if (!clocks.ok()) return clocks.status();

  Meter meter;
  const bool over_nats = arguments.plan.url.starts_with("nats://");
  const auto load =
      over_nats ? MakeNatsLoad(arguments.plan, &meter) : MakeHttpLoad(arguments.plan, &meter);
  if (Status status = load->Open(Milliseconds(arguments.wait)); !status.ok()) return status;
  if (Status status = load->Start(); !status.ok()) return status;
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
  load->Finish(kFinishPatience);

  if (ended_before || ended_after) {
    return Status::FailedPrecondition("a process of --cpu-of ended during the run");
  }
  const MeterResult result = meter.Finish();
  if (result.requests == 0) {
    return Status::Internal("no reply came within the window" +
                            (result.errors == 0 ? "" : ": " + result.first_error));
  }
  const double requests = static_cast<double>(result.requests);
  nlohmann::json cpu = nlohmann::json::object();
  for (const auto& [name, used] : after) cpu[name] = (used - before.at(name)) / requests;
  *line = {{"protocol", over_nats ? "nats" : "http"},
           {"concurrency", arguments.plan.concurrency},
           {"size", arguments.plan.size},
           {"seconds", result.seconds},
           {"requests", result.requests},
           {"rps", result.rps},
           {"p50_us", result.p50_us},
           {"p99_us", result.p99_us},
           {"p999_us", result.p999_us},
           {"max_us", result.max_us},
           {"errors", result.errors},
           {"first_error", result.first_error},
           {"client_cpu_us", (own_after - own_before) / requests},
           {"cpu_us", cpu}};
  return Status::Ok();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Closed-loop load for an echo responder; prints one JSON line.");
  app.add_option("--url", arguments.plan.url, "nats://HOST:PORT or http://HOST:PORT/PATH")
      ->required();
  app.add_option("--subject", arguments.plan.subject, "NATS subject");
  app.add_option("--concurrency", arguments.plan.concurrency, "Requests in flight")
      ->check(CLI::Range(1, 4096));
  app.add_option("--size", arguments.plan.size, "Bytes of a request")
      ->check(CLI::Range(Slot::kMinimumSize, std::size_t{64} << 20));
  app.add_option("--http-header", arguments.plan.headers,
                 "HTTP only: a further line of each request's head, NAME: VALUE; repeatable");
  app.add_flag(
      "--reply-has-prefix", arguments.plan.reply_has_prefix,
      "HTTP only: a reply ends with the request's bytes, and what precedes them is ignored");
  app.add_option("--warmup", arguments.warmup, "Seconds before the window");
  app.add_option("--seconds", arguments.seconds, "Seconds of the window");
  app.add_option("--wait", arguments.wait,
                 "Seconds to wait for the responder's first right answer");
  app.add_option("--cpu-of", arguments.cpu_of,
                 "NAME=PID[,PID...]: report their CPU time a request; repeatable");
  CLI11_PARSE(app, argc, argv);

  nlohmann::json line;
  if (Status status = Measure(arguments, &line); !status.ok()) {
    std::cerr << "loadgen: " << status.message() << "\n";
    return 1;
  }
  std::cout << line.dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) { return darkroom::Main(argc, argv); }
