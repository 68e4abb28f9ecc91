// SPDX-License-Identifier: Apache-2.0

#include "worker/worker.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "worker/crash_note.h"
#include "worker/event_relay.h"
#include "worker/set_up_text.h"

namespace darkroom {
namespace {

// A process that closed its socket is about to end; it gets so long to do it.
constexpr auto kEndGrace = std::chrono::milliseconds(500);

}  // namespace

Worker::Worker(boost::asio::io_context& io, const WorkerSetUp& set_up, Logger& log)
    : io_(io),
      log_(log),
      name_(set_up.name),
      silence_(set_up.silence),
      open_limit_(set_up.open_limit),
      load_limit_(set_up.load_limit),
      tail_(set_up.tail),
      tick_(io) {}

Worker::~Worker() = default;

Result<std::shared_ptr<Worker>> Worker::Start(boost::asio::io_context& io,
                                              const WorkerSetUp& set_up, Logger& log) {
  std::shared_ptr<Worker> worker(new Worker(io, set_up, log));
  if (Status status = worker->StartProgram(set_up); !status.ok()) return status;
  worker->SendSetUp(set_up);
  worker->heard_ = std::chrono::steady_clock::now();
  worker->Tick();
  return worker;
}

Status Worker::StartProgram(const WorkerSetUp& set_up) {
  auto memory = SharedMemory::Make(set_up.arena_bytes);
  if (!memory.ok()) return memory.status();
  arena_ = std::make_shared<Arena>(std::move(*memory));
  // The first block lies at the beginning, where the worker looks for it.
  note_ = std::make_unique<ArenaBlock>(arena_, arena_->Allocate(sizeof(CrashNote)).value());
  new (note_->data()) CrashNote;

  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return Status::ResourceExhausted(
        fmt::format("cannot make a pair of sockets: {}", std::strerror(errno)));
  }
  ChildSpec spec;
  spec.program = set_up.program;
  spec.arguments = {set_up.name};
  spec.environment = PlainEnvironment();
  std::string folders;
  for (const std::string& folder : set_up.library_folders) {
    folders += (folders.empty() ? "" : ":") + folder;
  }
  if (!folders.empty()) spec.environment.push_back("LD_LIBRARY_PATH=" + folders);
  spec.socket = sockets[1];
  spec.arena = arena_->fd();
  // The handlers outlive this only inside what they are given to, and that they are part of it.
  auto child =
      Child::Start(io_, spec,
                   {[this](int wait_status) { OnExit(wait_status); },
                    [this](const std::string& line) {
                      Write(spdlog::level::info, fmt::format("{}: printed: {}", name_, line));
                    }});
  close(sockets[1]);
  if (!child.ok()) {
    close(sockets[0]);
    return child.status();
  }
  child_ = std::move(*child);
  channel_ = std::make_unique<Channel>(
      io_, sockets[0],
      Channel::Handlers{[this](Bytes packet) { OnPacket(packet); }, [this] { OnSocketEnd(); }});
  return Status::Ok();
}

void Worker::SendSetUp(const WorkerSetUp& set_up) {
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kSetUp, 0);
    out.Put(WriteSetUp(set_up.host, set_up.sandbox));
  }
  Send(std::move(packet));
}

uint32_t Worker::Join(WorkerUser* user) {
  users_.emplace(++last_number_, user);
  return last_number_;
}

void Worker::Leave(uint32_t number) { users_.erase(number); }

void Worker::Condemn(const Status& why) {
  if (lost_ || !why_.ok()) return;
  why_ = why;
  child_->Kill();
}

void Worker::Dismiss(const Status& why) {
  if (lost_ || !why_.ok()) return;
  dismissed_ = true;
  Condemn(why);
}

bool Worker::MayBlame(uint32_t thread) const {
  return !dismissed_ && (culprit_ == 0 || culprit_ == thread);
}

uint32_t Worker::FindCulprit() const {
  const uint32_t thread = reinterpret_cast<const CrashNote*>(note_->data())->thread;
  if (thread == control_thread()) return thread;
  const bool runs_jobs = std::any_of(users_.begin(), users_.end(), [thread](const auto& user) {
    return user.second->RunsOn(thread);
  });
  return runs_jobs ? thread : 0;
}

bool Worker::MayBlameCommandOf(uint32_t number) const {
  return MayBlame(control_thread()) && !long_commands_.empty() && long_commands_.front() == number;
}

void Worker::EndLongCommand(uint32_t number) {
  long_commands_.erase(std::find(long_commands_.begin(), long_commands_.end(), number));
  if (long_commands_.empty()) heard_ = std::chrono::steady_clock::now();
}

void Worker::OnPacket(Bytes packet) {
  const auto self = shared_from_this();  // a user may let go of it
  heard_ = std::chrono::steady_clock::now();
  RecordReader reader(packet);
  RecordHead head{};
  RecordReader body({});
  bool sound = true;
  while (sound && reader.Next(&head, &body)) {
    if (!why_.ok()) return;  // what the condemned say does not count
    const auto user = users_.find(head.about);
    if (head.kind == RecordKind::kLog) {
      OnLog(&body);
    } else if (head.about == 0) {
      sound = OnOwnRecord(head, &body);
    } else if (user != users_.end()) {
      sound = user->second->OnRecord(head.kind, &body);
    } else {
      sound = head.about <= last_number_;  // its user has left meanwhile
    }
    sound = sound && body.ok();
  }
  if (!sound || !reader.ok()) {
    Condemn({Code::kInstanceLost, "its worker sent what no worker sends, and was ended"});
  }
}

bool Worker::OnOwnRecord(const RecordHead& head, RecordReader* body) {
  if (head.kind == RecordKind::kHello) return OnHello(body);
  asked_ = asked_ && head.kind != RecordKind::kPong;
  return head.kind == RecordKind::kPong;
}

bool Worker::OnHello(RecordReader* body) {
  if (body->Get<uint32_t>() != kProtocolVersion) {
    Condemn(Status::FailedPrecondition("darkroom-worker is of another version of darkroom",
                                       "install darkroomd and darkroom-worker together"));
    return true;
  }
  const auto count = body->Get<uint32_t>();
  for (uint32_t i = 0; i < count && body->ok(); ++i) {
    log_.warn("{}: less confined than it should be: {}", name_, body->Text());
  }
  log_.debug("{}: worker {} is up", name_, pid());
  return true;
}

void Worker::OnLog(RecordReader* body) {
  const auto level = body->Get<uint32_t>();
  const std::string_view words = body->Text();
  if (!body->ok() || level > static_cast<uint32_t>(host::LogLevel::kError)) return;
  Write(SpdlogLevel(static_cast<host::LogLevel>(level)), words);
}

void Worker::Write(spdlog::level::level_enum level, std::string_view line) {
  uint64_t dropped = 0;
  const bool admitted = log_limit_.Admit(LogLimit::Clock::now(), &dropped);
  if (!admitted && dropped == 1) {
    log_.warn("{}: more than {} lines a second: the next are dropped", name_,
              LogLimit::kLinesASecond);
  }
  if (!admitted) return;
  if (tail_ != nullptr) tail_->Add(line);
  if (dropped > 0) log_.warn("{}: {} lines of its log were dropped", name_, dropped);
  log_.log(level, "{}", line);
}

void Worker::OnSocketEnd() {
  // Why it ended is told by its exit status, which follows, or is made to.
  tick_.expires_after(kEndGrace);
  tick_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
    const auto worker = self.lock();
    if (error || worker == nullptr || worker->lost_) return;
    worker->Condemn({Code::kInstanceLost, "its worker closed its socket, and was ended"});
  });
}

void Worker::OnExit(int wait_status) {
  const auto self = shared_from_this();
  channel_->ReadRest();  // what it had done by then is done
  lost_ = true;
  tick_.cancel();
  if (why_.ok()) {
    why_ = {Code::kInstanceLost,
            fmt::format("its worker {}{}", WIFEXITED(wait_status) ? "" : "was ",
                        ExitWords(wait_status))};
    culprit_ = FindCulprit();
  }
  channel_.reset();
  // Users leave while they are told. Instances joined after their plugin, and are told before it.
  const std::map<uint32_t, WorkerUser*> told = users_;
  for (auto user = told.rbegin(); user != told.rend(); ++user) {
    if (users_.count(user->first) > 0) user->second->OnWorkerLost(why_);
  }
}

void Worker::Tick() {
  const auto now = std::chrono::steady_clock::now();
  if (long_commands_.empty() && asked_ && now - heard_ > silence_) {
    Condemn({Code::kInstanceLost,
             fmt::format("its worker did not answer for {} s, and was ended",
                         std::chrono::duration_cast<std::chrono::seconds>(now - heard_).count())});
    return;
  }
  if (long_commands_.empty() && !users_.empty() && !asked_) {
    asked_ = true;
    heard_ = now;
    std::vector<std::byte> packet;
    { const RecordWriter out(&packet, RecordKind::kPing, 0); }
    Send(std::move(packet));
  }
  tick_.expires_after(silence_ / 4);
  tick_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
    const auto worker = self.lock();
    if (!error && worker != nullptr && !worker->lost_) worker->Tick();
  });
}

}  // namespace darkroom
