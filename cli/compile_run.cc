// SPDX-License-Identifier: Apache-2.0

#include "cli/compile_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <optional>
#include <sstream>
#include <system_error>

#include "cli/command.h"
#include "cli/text.h"
#include "worker/child.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Of what the compiler prints, for whoever has to find out why.
constexpr size_t kLinesKept = 40;

std::vector<std::string> WholeEnvironment() {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  return all;
}

Failure FailureOf(const json& error) {
  const auto text = [&error](const char* name) {
    const auto found = error.find(name);
    return found != error.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string name = text("code");
  const Code code = CodeByName(name).value_or(Code::kInternal);
  if (code == Code::kCancelled) return Failure::Interrupted(text("message"));
  return Failure::Local(Status(code, text("message"), text("hint")));
}

// What it tells, line by line.
class Listener {
 public:
  explicit Listener(const CompileRun& run) : run_(run) {}

  void Hear(std::string line) {
    const json told = json::parse(line, nullptr, false);
    if (!told.is_object() || told.size() != 1) {
      printed_.push_back(std::move(line));
      if (printed_.size() > kLinesKept) printed_.pop_front();
    } else if (const auto stage = told.find("progress"); stage != told.end()) {
      if (stage->is_string()) run_.on_progress(stage->get<std::string>());
    } else if (const auto result = told.find("result"); result != told.end()) {
      result_ = *result;
    } else if (const auto error = told.find("error"); error != told.end()) {
      failure_ = FailureOf(*error);
    }
  }

  Outcome<json> Ended(int wait_status) const {
    if (wait_status == 0 && result_) return *result_;
    if (!failure_ || failure_->status.code() == Code::kInternal)
      for (const std::string& line : printed_) WriteError(Printable(line) + "\n");
    if (failure_) return *failure_;
    return Failure::Local(Status::Internal(
        fmt::format("{} {} and did not say why", run_.python, ExitWords(wait_status)),
        "what it printed is above; nothing was written"));
  }

 private:
  const CompileRun& run_;
  std::deque<std::string> printed_;
  std::optional<json> result_;
  std::optional<Failure> failure_;
};

bool IsProgram(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string_view CompilerTorchVersion() { return DARKROOM_TORCH_VERSION; }

fs::path CompilerScript() {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  return (here / "../share/darkroom/compile_unet.py").lexically_normal();
}

std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return IsProgram(name) ? name : std::string();
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const fs::path program = fs::path(folder) / name; IsProgram(program)) return program;
  return {};
}

Outcome<json> RunCompiler(const CompileRun& run, Interrupts* interrupts) {
  Listener listener(run);
  boost::asio::io_context io;
  std::optional<int> ended;
  ChildSpec spec;
  spec.program = run.python;
  spec.arguments = run.arguments;
  spec.environment = WholeEnvironment();
  auto child = Child::Start(
      io, spec,
      {.on_exit = [&ended](int wait_status) { ended = wait_status; },
       .on_printed_line = [&listener](std::string line) { listener.Hear(std::move(line)); }});
  if (!child.ok()) return Failure::Local(child.status());
  {
    // The compilers that it started are of its group.
    const pid_t group = (*child)->pid();
    const Interrupts::Guard guard(interrupts, [group] { kill(-group, SIGTERM); });
    while (!ended && io.run_one() > 0) {
    }
  }
  return listener.Ended(ended.value_or(-1));
}

}  // namespace darkroom
