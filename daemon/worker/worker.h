// SPDX-License-Identifier: Apache-2.0
//
// Worker is the daemon's end of one worker process: it starts darkroom-worker, shares an arena
// with it, passes records between it and those who take part in it (plugins and instances), and
// notices when it is gone, stuck, or speaks nonsense. Whatever happens to it, its users are told
// once, and when they are told the process has ended.
//
// For the io_context's thread.

#ifndef DARKROOM_WORKER_WORKER_H_
#define DARKROOM_WORKER_WORKER_H_

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "host/host_api.h"
#include "worker/arena.h"
#include "worker/channel.h"
#include "worker/child.h"
#include "worker/log_limit.h"
#include "worker/log_tail.h"
#include "worker/records.h"
#include "worker/sandbox.h"

namespace darkroom {

struct WorkerSetUp {
  std::string name;                          // for logs
  std::string program;                       // darkroom-worker's path
  std::vector<std::string> library_folders;  // where plugins' own libraries lie
  host::HostOptions host;                    // without `log`
  SandboxRules sandbox;
  uint64_t arena_bytes = 0;
  std::shared_ptr<LogTail> tail;  // of what it says and prints; may be nullptr
  // A worker whose control thread is silent for so long is ended.
  std::chrono::milliseconds silence{10'000};
  // And one whose plugin takes so long to open or to make an instance, or to load a model.
  std::chrono::milliseconds open_limit{60'000};
  std::chrono::milliseconds load_limit{600'000};
};

// Who takes part in a worker.
class WorkerUser {
 public:
  virtual ~WorkerUser() = default;
  // A record about it. False: it makes no sense, and the worker is not to be trusted.
  virtual bool OnRecord(RecordKind kind, RecordReader* body) = 0;
  virtual void OnWorkerLost(const Status& why) = 0;
  // Whether a job of its is on that thread of the worker.
  virtual bool RunsOn(uint32_t) const { return false; }
};

class Worker : public std::enable_shared_from_this<Worker> {
 public:
  static Result<std::shared_ptr<Worker>> Start(boost::asio::io_context& io,
                                               const WorkerSetUp& set_up, Logger& log);
  ~Worker();  // ends the process

  // A number for records about the user, who hears of them until it leaves.
  uint32_t Join(WorkerUser* user);
  void Leave(uint32_t number);

  // One that is lost hears nothing.
  void Send(std::vector<std::byte> packet) {
    if (channel_ != nullptr) channel_->Send(std::move(packet));
  }

  // Kills it for what it did; users are told `why` when it has ended. The first reason counts.
  void Condemn(const Status& why);
  // The same, for no fault of what runs there.
  void Dismiss(const Status& why);
  // Whether what runs on the thread may be why it is lost; 0: on a thread that is not known.
  bool MayBlame(uint32_t thread) const;
  // Whether it may be lost for the long command that this user gave.
  bool MayBlameCommandOf(uint32_t number) const;

  // While the control thread is in the plugin's hands (opening, creating, closing) it cannot
  // answer; users then keep a time limit of their own. They come one after the other.
  void BeginLongCommand(uint32_t number) { long_commands_.push_back(number); }
  void EndLongCommand(uint32_t number);

  const std::shared_ptr<Arena>& arena() const { return arena_; }
  std::chrono::milliseconds open_limit() const { return open_limit_; }
  std::chrono::milliseconds load_limit() const { return load_limit_; }
  pid_t pid() const { return child_->pid(); }
  boost::asio::io_context& io() { return io_; }
  bool lost() const { return lost_; }
  bool condemned() const { return !why_.ok(); }  // or lost: nothing new is to begin there
  size_t users() const { return users_.size(); }

 private:
  Worker(boost::asio::io_context& io, const WorkerSetUp& set_up, Logger& log);
  Status StartProgram(const WorkerSetUp& set_up);
  void SendSetUp(const WorkerSetUp& set_up);

  void OnPacket(Bytes packet);
  bool OnOwnRecord(const RecordHead& head, RecordReader* body);
  bool OnHello(RecordReader* body);
  void OnLog(RecordReader* body);
  void Write(spdlog::level::level_enum level, std::string_view line);
  void OnSocketEnd();
  void OnExit(int wait_status);
  uint32_t FindCulprit() const;
  uint32_t control_thread() const { return static_cast<uint32_t>(pid()); }
  void Tick();

  boost::asio::io_context& io_;
  Logger& log_;
  const std::string name_;
  const std::chrono::milliseconds silence_;
  const std::chrono::milliseconds open_limit_;
  const std::chrono::milliseconds load_limit_;
  const std::shared_ptr<LogTail> tail_;
  std::shared_ptr<Arena> arena_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<Channel> channel_;
  boost::asio::steady_timer tick_;
  std::map<uint32_t, WorkerUser*> users_;
  uint32_t last_number_ = 0;
  std::vector<uint32_t> long_commands_;          // whose; the first is being carried out
  std::chrono::steady_clock::time_point heard_;  // the newest answer, or when it could answer
  bool asked_ = false;                           // a ping is out
  LogLimit log_limit_;  // what it says and prints; its instances have limits of their own, too
  Status why_;          // of being condemned
  std::unique_ptr<ArenaBlock> note_;  // a CrashNote
  uint32_t culprit_ = 0;              // the thread that crashed it, if it is one that is known
  bool dismissed_ = false;
  bool lost_ = false;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_WORKER_H_
