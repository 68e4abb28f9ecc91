// SPDX-License-Identifier: Apache-2.0

#include "message/embedded_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "config/places.h"
#include "core/coroutine.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

constexpr auto kFirstBackoff = std::chrono::milliseconds(100);
constexpr auto kLongestBackoff = std::chrono::milliseconds(5000);
constexpr auto kStableAfter = std::chrono::seconds(10);
// What is awaited gives its error as a value.
constexpr auto kNoThrow = boost::asio::as_tuple(boost::asio::use_awaitable);

// A port that was free a moment ago. The server itself could pick one, but a restart has to find
// the clients' port again.
Result<uint16_t> FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found =
      fd >= 0 && bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!found) return Status::Internal(fmt::format("no free port: {}", std::strerror(error)));
  return ntohs(address.sin_port);
}

// nats-server's own format; strings are quoted as in JSON.
std::string ServerConfig(const NatsConfig& config, uint16_t port, const fs::path& store) {
  return fmt::format(
      "# Written by darkroomd at each start.\n"
      "server_name: \"darkroom-embedded\"\n"
      "listen: \"127.0.0.1:{}\"\n"
      "max_payload: {}\n"
      "# An acknowledged job survives a power failure.\n"
      "jetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
      port, config.max_payload, store.string());
}

}  // namespace

EmbeddedServer::EmbeddedServer(boost::asio::io_context& io, Logger& log)
    : log_(log), exited_(io), restart_(io) {}

Result<std::unique_ptr<EmbeddedServer>> EmbeddedServer::Start(boost::asio::io_context& io,
                                                              const NatsConfig& config,
                                                              const fs::path& state_dir,
                                                              Logger& log) {
  std::unique_ptr<EmbeddedServer> server(new EmbeddedServer(io, log));
  const fs::path folder = state_dir / "nats";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return Status::FailedPrecondition(
        fmt::format("cannot make '{}': {}", folder.string(), error.message()),
        "set state_dir to a folder that the daemon may write to");
  }
  uint16_t port = config.port;
  if (port == 0) {
    const auto free = FreePort();
    if (!free.ok()) return free.status();
    port = *free;
  }
  server->binary_ = FindServer(config.server);
  server->config_file_ = folder / "server.conf";
  server->log_file_ = folder / "server.log";
  server->url_ = fmt::format("nats://127.0.0.1:{}", port);
  std::ofstream file(server->config_file_);
  file << ServerConfig(config, port, folder);
  file.close();
  if (!file) {
    return Status::FailedPrecondition(
        fmt::format("cannot write '{}'", server->config_file_.string()));
  }
  if (Status status = server->Spawn(); !status.ok()) return status;
  StartCoroutine(io, server->Supervise());
  return server;
}

EmbeddedServer::~EmbeddedServer() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

Status EmbeddedServer::Spawn() {
  const std::string config = config_file_.string();
  const std::string log_file = log_file_.string();
  // A pipe that exec closes: it brings the reason when exec fails.
  std::array<int, 2> failure{};
  if (pipe2(failure.data(), O_CLOEXEC) != 0) return Status::Internal("no pipe");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // Between fork and exec only what is safe after a fork of a process with threads.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setpgid(
        0,
        0);  // a Ctrl-C in the terminal is for us: we need the server to answer what was accepted
    execlp(binary_.c_str(), binary_.c_str(), "-c", config.c_str(), "-l", log_file.c_str(),
           static_cast<char*>(nullptr));
    const int error = errno;
    if (write(failure[1], &error, sizeof error) < 0) _exit(126);
    _exit(127);
  }
  close(failure[1]);
  int error = 0;
  const ssize_t got = pid < 0 ? -1 : read(failure[0], &error, sizeof error);
  close(failure[0]);
  if (pid < 0) return Status::Internal(fmt::format("cannot fork: {}", std::strerror(errno)));
  if (got > 0) {
    waitpid(pid, nullptr, 0);
    return Status::FailedPrecondition(
        fmt::format("cannot run nats-server '{}': {}", binary_, std::strerror(error)),
        "install nats-server, or name it in nats.server");
  }
  pid_ = pid;
  started_ = std::chrono::steady_clock::now();
  log_.info("embedded nats-server: pid {} at {}, log {}", pid_, url_, log_file);
  return Status::Ok();
}

boost::asio::awaitable<void> EmbeddedServer::Supervise() {
  auto backoff = kFirstBackoff;
  while (const std::optional<int> exit = co_await Exit()) {
    pid_ = -1;
    if (std::chrono::steady_clock::now() - started_ > kStableAfter) backoff = kFirstBackoff;
    log_.error("embedded nats-server ended ({} {}); started again in {} ms, see {}",
               WIFSIGNALED(*exit) ? "signal" : "exit code",
               WIFSIGNALED(*exit) ? WTERMSIG(*exit) : WEXITSTATUS(*exit), backoff.count(),
               log_file_.string());
    while (pid_ < 0) {
      restart_.expires_after(backoff);
      if (const auto [error] = co_await restart_.async_wait(kNoThrow); error) co_return;
      backoff = std::min(backoff * 2, kLongestBackoff);
      if (const Status spawned = Spawn(); !spawned.ok()) {
        log_.error("embedded nats-server: {}", spawned.ToString());
      }
    }
  }
}

boost::asio::awaitable<std::optional<int>> EmbeddedServer::Exit() {
  const auto fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (fd < 0) {
    log_.warn("embedded nats-server cannot be watched: {}", std::strerror(errno));
    co_return std::nullopt;
  }
  exited_.assign(fd);
  const auto [error] = co_await exited_.async_wait(exited_.wait_read, kNoThrow);
  if (error) co_return std::nullopt;
  exited_.close();
  int status = 0;
  waitpid(pid_, &status, 0);
  co_return status;
}

}  // namespace darkroom
