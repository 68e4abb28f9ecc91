// SPDX-License-Identifier: Apache-2.0
//
// Child is a program that the daemon started: a process of its own group, with a socket, shared
// memory and a pipe for what it prints. The daemon is told when it has ended and how, by a pidfd.
//
// For the io_context's thread. Destroying a Child that runs kills it.

#ifndef DARKROOM_WORKER_CHILD_H_
#define DARKROOM_WORKER_CHILD_H_

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"

namespace darkroom {

// The numbers that a child finds its descriptors under.
inline constexpr int kChildSocket = 3;
inline constexpr int kChildArena = 4;

struct ChildSpec {
  std::string program;
  std::vector<std::string> arguments;    // after the program's name
  std::vector<std::string> environment;  // NAME=VALUE; nothing else is passed on
  int socket = -1;                       // passed on; stays the caller's here
  int arena = -1;
};

class Child {
 public:
  struct Handlers {
    std::function<void(int wait_status)> on_exit;           // as of waitpid(2); once
    std::function<void(std::string line)> on_printed_line;  // to stdout or stderr
  };

  static Result<std::unique_ptr<Child>> Start(boost::asio::io_context& io, const ChildSpec& spec,
                                              Handlers handlers);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const;
  void Kill();

 private:
  struct State;
  explicit Child(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // shared with what waits in the io_context
};

// What a wait status means to people: "killed by SIGSEGV", "exited with code 3".
std::string ExitWords(int wait_status);

// The parts of our environment that a program running other people's code may see: the language,
// and the settings of numeric libraries, CUDA and sanitizers. No secrets. GPUs are counted in the
// order of their PCI ids there.
std::vector<std::string> PlainEnvironment();

}  // namespace darkroom

#endif  // DARKROOM_WORKER_CHILD_H_
