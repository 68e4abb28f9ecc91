// SPDX-License-Identifier: Apache-2.0
//
// darkroom bench: the same request many times, so many at once, and what that took. It measures the
// whole way, from here to the device and back.

#include "cli/bench_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "cli/bench_figures.h"
#include "cli/gather.h"
#include "cli/prepare.h"
#include "cli/reply.h"
#include "cli/run_options.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int kReplies = 1;

struct BenchArguments {
  std::shared_ptr<RunArguments> run = std::make_shared<RunArguments>();
  uint32_t jobs = 100;
  uint32_t concurrency = 1;
};

class Bench {
 public:
  Bench(const Command& command, const BenchArguments& arguments, RunOptions options)
      : command_(command), arguments_(arguments), options_(std::move(options)) {}

  ExitCode Execute() {
    std::optional<Failure> failure = Work();
    json object = BenchJson(record_);
    object["model"] = options_.label();
    object["concurrency"] = arguments_.concurrency;
    if (failure) return Report(command_, *failure, std::move(object));
    const ExitCode printed = command_.json ? PrintJson(object) : PrintText(BenchText(record_));
    return printed == ExitCode::kOk && !record_.failed.empty() ? ExitCode::kJobFailed : printed;
  }

 private:
  std::optional<Failure> Work() {
    Result<RequestParts> parts = ReadParts(options_);
    if (!parts.ok()) return Failure::Local(parts.status());
    Outcome<std::unique_ptr<Client>> connected = command_.Connect();
    if (auto* failure = std::get_if<Failure>(&connected)) return std::move(*failure);
    client_ = std::get<std::unique_ptr<Client>>(std::move(connected));
    const Interrupts::Guard guard(command_.interrupts, [this] { client_->Interrupt(); });
    if (auto failure = AskFirst(client_.get(), command_, options_, nullptr, &*parts))
      return failure;
    parts->progress = false;
    Result<Outgoing> request = BuildRequest(*std::move(parts));
    if (!request.ok()) return Failure::Local(request.status());
    // Each is a job of its own, which the daemon names.
    std::erase_if(request->headers, [](const auto& one) { return one.first == "Darkroom-Job"; });
    Result<std::string> inbox = client_->MakeInbox();
    if (!inbox.ok()) return Failure::Local(inbox.status());
    inbox_ = *inbox;
    const Status status = client_->Subscribe(inbox_ + ".*", kReplies);
    if (!status.ok()) return Failure::Unreachable(status.message(), status.hint());
    const auto started = Clock::now();
    auto failure = Run(*request);
    record_.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    return failure;
  }

  std::optional<Failure> Run(const Outgoing& request) {
    sent_.resize(arguments_.jobs);
    const size_t first = std::min(arguments_.jobs, arguments_.concurrency);
    for (size_t i = 0; i < first; ++i) {
      if (auto failure = Send(request)) return failure;
    }
    while (ended_ < arguments_.jobs) {
      const auto timeout = options_.timeout.value_or(std::chrono::minutes(10));
      const Event event = client_->events().Next(Clock::now() + timeout);
      switch (event.kind) {
        case Event::Kind::kMessage:
          if (event.subscription != kReplies) break;
          if (event.message.IsNoResponders()) {
            return ExplainNobody(client_.get(), command_, options_);
          }
          if (!Take(event.message) || next_ == arguments_.jobs) break;
          if (auto failure = Send(request)) return failure;
          break;
        case Event::Kind::kTimeout:
          return Failure::Local(
              {Code::kDeadlineExceeded,
               fmt::format("no reply for {} s; {} of {} jobs are unanswered",
                           std::chrono::duration_cast<std::chrono::seconds>(timeout).count(),
                           next_ - ended_, arguments_.jobs),
               "darkroom ps shows where they are"});
        case Event::Kind::kInterrupted:
          return Failure::Interrupted("interrupted; what was sent is still run");
        case Event::Kind::kClosed:
        case Event::Kind::kDisconnected:
          return Failure::Unreachable(
              fmt::format("the connection to {} was lost, and replies with it", client_->url()),
              "try again");
        case Event::Kind::kDenied:
          return Failure::Local(
              {Code::kUnauthorized,
               fmt::format("{} does not allow this: {}", client_->url(), event.text),
               "this user needs to publish to " + request.subject});
        case Event::Kind::kReconnected:
          break;
      }
    }
    return std::nullopt;
  }

  std::optional<Failure> Send(const Outgoing& request) {
    sent_[next_] = Clock::now();
    const Status status = client_->Send(request, fmt::format("{}.{}", inbox_, next_));
    ++next_;
    if (status.ok()) return std::nullopt;
    return Failure::Local(status);
  }

  // Whether it is the reply of a job.
  bool Take(const Incoming& reply) {
    const std::string_view subject = reply.subject();
    const std::string_view number = subject.substr(subject.rfind('.') + 1);
    size_t job = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), job);
    if (parsed.ec != std::errc() || job >= next_) return false;
    ++ended_;
    if (const std::optional<Status> error = ErrorOf(reply)) {
      ++record_.failed[std::string(CodeName(error->code()))];
      return true;
    }
    record_.took_ms.push_back(
        std::chrono::duration<double, std::milli>(Clock::now() - sent_[job]).count());
    const json receipt = ReceiptOf(reply);
    if (receipt.contains("run_ms") && receipt["run_ms"].is_number()) {
      record_.run_ms.push_back(NumberField(receipt, "run_ms"));
    }
    return true;
  }

  const Command& command_;
  const BenchArguments& arguments_;
  RunOptions options_;
  BenchRecord record_;
  std::unique_ptr<Client> client_;
  std::string inbox_;
  std::vector<Clock::time_point> sent_;
  size_t next_ = 0;
  size_t ended_ = 0;
};

ExitCode RunBench(const Command& command, const BenchArguments& arguments) {
  Result<RunOptions> options =
      CheckRunArguments(*arguments.run, command.prefix, command.terminal, command.json);
  if (!options.ok()) return Report(command, Failure::Local(options.status()), json::object());
  return Bench(command, arguments, *std::move(options)).Execute();
}

}  // namespace

void AddBenchCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<BenchArguments>();
  RunArguments& run = *arguments->run;
  CLI::App* bench =
      app->add_subcommand("bench", "Run a model many times, and say how long it took");
  bench->add_option("MODEL", run.model, "The model's name")->required();
  bench->add_option("-i,--input", run.inputs, "An input, as of run")->take_all();
  bench->add_option("-p,--param", run.params, "A parameter, as of run")->take_all();
  bench->add_option("-n,--jobs", arguments->jobs, "How many jobs")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str();
  bench->add_option("-c,--concurrency", arguments->concurrency, "How many of them at once")
      ->check(CLI::Range(1U, 10'000U))
      ->capture_default_str();
  bench->add_option("--timeout", run.timeout, "Give up after so long without a reply");
  bench->callback([command, arguments] {
    command->run = [command, arguments] { return RunBench(*command, *arguments); };
  });
}

}  // namespace darkroom
