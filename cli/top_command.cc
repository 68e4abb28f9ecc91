// SPDX-License-Identifier: Apache-2.0
//
// darkroom top: devices, memory, queues and rates of all daemons, drawn anew every few seconds
// until Ctrl-C; once where nobody watches.

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "cli/command.h"
#include "cli/gather.h"
#include "cli/text.h"
#include "cli/top_view.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr const char* kOtherScreen = "\x1b[?1049h\x1b[?25l";
constexpr const char* kUsualScreen = "\x1b[?25h\x1b[?1049l";
constexpr const char* kFromTheTop = "\x1b[H\x1b[2J";

struct TopArguments {
  bool once = false;
  std::string interval = "2s";
};

// As many lines as the terminal has.
std::string Fitting(const std::string& text) {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2) return text;
  size_t end = 0;
  for (int line = 0; line + 1 < size.ws_row; ++line) {
    const size_t next = text.find('\n', end);
    if (next == std::string::npos) return text;
    end = next + 1;
  }
  return text.substr(0, end);
}

class Top {
 public:
  Top(const Command& command, Client* client) : command_(command), client_(client) {}

  ExitCode Run(bool once, std::chrono::milliseconds interval) {
    Outcome<TopSample> first = Take();
    if (const auto* failure = std::get_if<Failure>(&first)) return Fail(*failure);
    auto before = std::get<TopSample>(std::move(first));
    if (once) return Once(before, interval);
    written_ = WriteOutput(kOtherScreen).ok();
    Draw(before, before, interval);
    std::optional<Failure> failure;
    while (!failure && Wait(interval)) {
      Outcome<TopSample> next = Take();
      if (auto* wrong = std::get_if<Failure>(&next)) {
        failure = std::move(*wrong);
        break;
      }
      Draw(before, std::get<TopSample>(next), interval);
      before = std::get<TopSample>(std::move(next));
    }
    if (const Status status = WriteOutput(kUsualScreen); !status.ok()) return ExitCode::kJobFailed;
    // Ctrl-C is how one leaves it.
    if (!failure || failure->exit_code == ExitCode::kInterrupted) return ExitCode::kOk;
    return Fail(*failure);
  }

 private:
  Outcome<TopSample> Take() {
    TopSample sample;
    sample.taken = Clock::now();
    const std::pair<const char*, std::vector<json>*> asked[] = {
        {"status", &sample.status}, {"ps", &sample.ps}, {"models", &sample.models}};
    for (const auto& [verb, answers] : asked) {
      Outcome<std::vector<json>> outcome = Gather(client_, command_.ControlSubject(verb));
      if (auto* failure = std::get_if<Failure>(&outcome)) return std::move(*failure);
      *answers = std::get<std::vector<json>>(std::move(outcome));
    }
    return sample;
  }

  ExitCode Once(const TopSample& before, std::chrono::milliseconds interval) {
    // Rates need two looks.
    if (!Wait(interval)) return Fail(Failure::Interrupted("interrupted"));
    Outcome<TopSample> second = Take();
    if (const auto* failure = std::get_if<Failure>(&second)) return Fail(*failure);
    const auto& now = std::get<TopSample>(second);
    return command_.json ? PrintJson(TopJson(before, now))
                         : PrintText(TopText(before, now, command_.terminal));
  }

  void Draw(const TopSample& before, const TopSample& now, std::chrono::milliseconds interval) {
    const std::string head =
        fmt::format("{}, every {}; Ctrl-C ends\n\n", client_->url(), FormatDuration(interval));
    written_ = WriteOutput(kFromTheTop + Fitting(Printable(head.substr(0, head.size() - 2)) +
                                                 "\n\n" + TopText(before, now, command_.terminal)))
                   .ok();
  }

  // False: Ctrl-C, or nobody reads any more.
  bool Wait(std::chrono::milliseconds interval) {
    const auto until = Clock::now() + interval;
    while (written_) {
      const Event event = client_->events().Next(until);
      if (event.kind == Event::Kind::kTimeout) return true;
      if (event.kind == Event::Kind::kInterrupted || event.kind == Event::Kind::kClosed) break;
    }
    return false;
  }

  ExitCode Fail(const Failure& failure) {
    return Report(command_, failure, {{"hosts", json::array()}});
  }

  const Command& command_;
  Client* client_;
  bool written_ = true;
};

ExitCode ShowTop(const Command& command, const TopArguments& arguments) {
  const json empty = {{"hosts", json::array()}};
  const Result<std::chrono::milliseconds> interval = ParseDuration(arguments.interval);
  Status wrong = interval.status().Annotated("--interval");
  if (wrong.ok() && *interval < std::chrono::milliseconds(100)) {
    wrong = Status::InvalidArgument("--interval must be at least 100ms");
  }
  if (!wrong.ok()) return Report(command, Failure::Local(std::move(wrong)), empty);
  Outcome<std::unique_ptr<Client>> connected = command.Connect();
  if (const auto* failure = std::get_if<Failure>(&connected)) {
    return Report(command, *failure, empty);
  }
  const auto client = std::get<std::unique_ptr<Client>>(std::move(connected));
  const Interrupts::Guard guard(command.interrupts, [&client] { client->Interrupt(); });
  const bool once = arguments.once || command.json || !command.terminal.output;
  return Top(command, client.get()).Run(once, *interval);
}

}  // namespace

void AddTopCommand(CLI::App* app, Command* command) {
  auto arguments = std::make_shared<TopArguments>();
  CLI::App* top = app->add_subcommand(
      "top", "Watch devices, memory, queues and rates of all daemons, until Ctrl-C");
  top->add_flag("--once", arguments->once, "Show it once, as in a pipe");
  top->add_option("--interval", arguments->interval,
                  "How often, and over how long rates are measured")
      ->capture_default_str();
  top->callback([command, arguments] {
    command->run = [command, arguments] { return ShowTop(*command, *arguments); };
  });
}

}  // namespace darkroom
