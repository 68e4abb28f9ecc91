// SPDX-License-Identifier: Apache-2.0

#include "worker/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

namespace darkroom {
namespace {

// A line that does not end is cut here.
constexpr size_t kLongestLine = 4096;

// posix_spawn's attributes and actions, freed whichever way it goes.
struct SpawnPlan {
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// A descriptor of ours may itself have a number that the child's are put on: all are lifted above
// those first.
int Lift(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 16); }

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<pid_t> Spawn(const ChildSpec& spec, int printed) {
  const std::array<int, 3> lifted = {Lift(spec.socket), Lift(spec.arena), Lift(printed)};
  if ((lifted[0] < 0 && spec.socket >= 0) || (lifted[1] < 0 && spec.arena >= 0) || lifted[2] < 0) {
    Status failed = Status::ResourceExhausted(
        fmt::format("cannot start {}: no descriptor is left for it", spec.program),
        "allow more by LimitNOFILE= of the service, or ulimit -n");
    for (const int fd : lifted) close(fd);
    return failed;
  }
  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&plan.actions, lifted[2], 1);
  posix_spawn_file_actions_adddup2(&plan.actions, lifted[2], 2);
  posix_spawn_file_actions_adddup2(&plan.actions, lifted[0], kChildSocket);
  posix_spawn_file_actions_adddup2(&plan.actions, lifted[1], kChildArena);
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, kChildArena + 1);
  // A group of its own: Ctrl-C in a terminal is for the daemon, which then drains.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&plan.attributes, &none);
  posix_spawnattr_setsigdefault(&plan.attributes, &all);
  posix_spawnattr_setpgroup(&plan.attributes, 0);
  posix_spawnattr_setflags(&plan.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> arguments = {spec.program};
  arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
  pid_t pid = -1;
  const int error = posix_spawn(&pid, spec.program.c_str(), &plan.actions, &plan.attributes,
                                Pointers(arguments).data(), Pointers(spec.environment).data());
  for (const int fd : lifted) close(fd);
  if (error != 0) {
    return Status::FailedPrecondition(
        fmt::format("cannot start {}: {}", spec.program, std::strerror(error)),
        "install darkroomd and darkroom-worker together");
  }
  return pid;
}

}  // namespace

struct Child::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& io, pid_t its_pid, int pidfd, int printed_fd,
        Handlers its_handlers)
      : pid(its_pid), ended(io, pidfd), printed(io, printed_fd), handlers(std::move(its_handlers)) {
    printed.native_non_blocking(true);
  }

  void WaitForEnd() {
    ended.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error) self->Reap();
                     });
  }

  void Reap() {
    int status = 0;
    if (!std::exchange(running, false)) return;
    waitpid(pid, &status, 0);
    ended.close();
    if (!watched) return;
    ReadPrinted();  // its last words come before the news of its end
    if (watched) handlers.on_exit(status);
  }

  void WaitForPrinted() {
    printed.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         if (error || !self->watched) return;
                         if (self->ReadPrinted()) self->WaitForPrinted();
                       });
  }

  // False at the pipe's end.
  bool ReadPrinted() {
    std::array<char, 4096> bytes{};
    // Whoever prints without end is read in turns, as everybody else.
    for (int turn = 0; turn < 16 && watched; ++turn) {
      const ssize_t size = read(printed.native_handle(), bytes.data(), bytes.size());
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      if (size == 0) {
        if (!line.empty()) handlers.on_printed_line(std::exchange(line, {}));
        return false;
      }
      for (const char c : std::string_view(bytes.data(), static_cast<size_t>(size))) {
        if (c != '\n') line += c;
        if (c != '\n' && line.size() < kLongestLine) continue;
        if (!line.empty() && watched) handlers.on_printed_line(std::exchange(line, {}));
      }
    }
    return true;
  }

  const pid_t pid;
  boost::asio::posix::stream_descriptor ended;
  boost::asio::posix::stream_descriptor printed;
  const Handlers handlers;
  std::string line;
  bool running = true;
  bool watched = true;
};

Child::Child(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Child>> Child::Start(boost::asio::io_context& io, const ChildSpec& spec,
                                            Handlers handlers) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    return Status::ResourceExhausted(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  auto pid = Spawn(spec, pipe_ends[1]);
  close(pipe_ends[1]);
  if (!pid.ok()) {
    close(pipe_ends[0]);
    return pid.status();
  }
  const auto pidfd = static_cast<int>(syscall(SYS_pidfd_open, *pid, 0));
  if (pidfd < 0) {
    Status failed = Status::Internal(fmt::format("cannot watch a child: {}", std::strerror(errno)),
                                     "darkroomd needs Linux 5.3 or newer");
    kill(*pid, SIGKILL);
    waitpid(*pid, nullptr, 0);
    close(pipe_ends[0]);
    return failed;
  }
  auto state = std::make_shared<State>(io, *pid, pidfd, pipe_ends[0], std::move(handlers));
  state->WaitForEnd();
  state->WaitForPrinted();
  return std::unique_ptr<Child>(new Child(std::move(state)));
}

Child::~Child() {
  state_->watched = false;
  Kill();
  // It is reaped by what waits for its end: a process that gives back much memory takes its time.
  boost::system::error_code ignored;
  state_->printed.close(ignored);
}

pid_t Child::pid() const { return state_->pid; }

void Child::Kill() {
  // Not yet reaped, so the number is still its own.
  if (state_->running) kill(state_->pid, SIGKILL);
}

std::string ExitWords(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const char* name = sigabbrev_np(number);
    std::string words = name != nullptr ? fmt::format("killed by SIG{}", name)
                                        : fmt::format("killed by signal {}", number);
    // Whoever else kills, it is nearly always the kernel that has no memory left.
    if (number == SIGKILL) words += " (for lack of memory, if nobody else did it)";
    return words;
  }
  return fmt::format("exited with code {}", WEXITSTATUS(wait_status));
}

std::vector<std::string> PlainEnvironment() {
  constexpr std::array<std::string_view, 16> kPlain = {
      "LANG=",          "LC_",           "TZ=",           "OMP_",
      "MKL_",           "KMP_",          "GOMP_",         "CUDA_",
      "NVIDIA_",        "TORCH_",        "PYTORCH_",      "ASAN_OPTIONS=",
      "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS=", "GLIBC_TUNABLES="};
  constexpr std::string_view kDeviceOrder = "CUDA_DEVICE_ORDER=";
  // As NVML counts GPUs, by which the daemon knows them; CUDA's own order is the fastest first. And
  // compiled packages look at the shapes of what they are given, which comes from strangers, only
  // if they are told to.
  std::vector<std::string> plain = {std::string(kDeviceOrder) + "PCI_BUS_ID",
                                    "AOTI_RUNTIME_CHECK_INPUTS=1"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with(kDeviceOrder)) continue;
    for (const std::string_view start : kPlain) {
      if (text.substr(0, start.size()) == start) plain.emplace_back(text);
    }
  }
  return plain;
}

}  // namespace darkroom
