// SPDX-License-Identifier: Apache-2.0
//
// darkroom-worker: the process that hosts plugins for darkroomd. It finds a socket and shared
// memory among its descriptors (child.h), confines itself as it is told, and then does what the
// daemon says, record by record (records.h), until the daemon closes the socket. Started with
// --probe it does nothing of this, but what probe_program.h says. It is not a command for people.
//
// The main thread is the plugins' control thread; each instance has a lane of its own.

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/mapped_file.h"
#include "core/thread.h"
#include "host/host_api.h"
#include "worker/child.h"
#include "worker/crash_note.h"
#include "worker/probe_program.h"
#include "worker/sandbox.h"
#include "worker/set_up_text.h"
#include "worker/worker_instance.h"
#include "worker/worker_socket.h"

// Of libdarkroom-host.so, which is linked here, while the daemon opens it by name.
extern "C" darkroom::host::Host* darkroom_host_create(uint32_t api_version,
                                                      const darkroom::host::HostOptions& options);

namespace darkroom {
namespace {

struct OpenPlugin {
  std::string path;
  std::unique_ptr<host::Plugin> plugin;
};

class WorkerProgram {
 public:
  WorkerProgram(WorkerSocket* socket, const SharedMemory* memory)
      : socket_(socket), memory_(memory) {}

  // Until the daemon is gone. False: it made no sense.
  bool Serve() {
    while (true) {
      const Bytes packet = socket_->Receive();
      if (packet.empty()) return true;
      RecordReader reader(packet);
      RecordHead head{};
      RecordReader body({});
      while (reader.Next(&head, &body)) {
        if (!Obey(head, &body) || !body.ok()) return false;
      }
      if (!reader.ok()) return false;
    }
  }

 private:
  bool Obey(const RecordHead& head, RecordReader* body) {
    switch (head.kind) {
      case RecordKind::kSetUp:
        return SetUp(body);
      case RecordKind::kPing:
        socket_->Send([](std::vector<std::byte>* packet) {
          const RecordWriter out(packet, RecordKind::kPong, 0);
        });
        return true;
      case RecordKind::kOpen:
        return Open(head.about, body);
      case RecordKind::kClose:
        return Close(head.about);
      case RecordKind::kCreate:
        return Create(head.about, body);
      case RecordKind::kDestroy:
        instances_.erase(head.about);
        return true;
      default: {
        const auto found = instances_.find(head.about);
        return found != instances_.end() && found->second->OnRecord(head.kind, body);
      }
    }
  }

  bool SetUp(RecordReader* body) {
    host::HostOptions options;
    SandboxRules rules;
    if (!ReadSetUp(body->Text(), &options, &rules).ok()) return false;
    const auto report = EnterSandbox(rules);
    if (!report.ok()) {
      fmt::print(stderr, "cannot be confined: {}\n", report.status().ToString());
      return false;
    }
    options.log = [this](host::LogLevel level, std::string_view words) {
      socket_->Send([&](std::vector<std::byte>* packet) {
        RecordWriter out(packet, RecordKind::kLog, 0);
        out.Put(static_cast<uint32_t>(level));
        out.Put(words.substr(0, 8000));
      });
    };
    host_.reset(darkroom_host_create(host::kHostApiVersion, options));
    if (host_ == nullptr) {
      fmt::print(stderr, "libdarkroom-host.so is of another version of darkroom\n");
      return false;
    }
    socket_->Send([&](std::vector<std::byte>* packet) {
      RecordWriter out(packet, RecordKind::kHello, 0);
      out.Put(kProtocolVersion);
      out.Put(static_cast<uint32_t>(report->missing.size()));
      for (const std::string& what : report->missing) out.Put(what);
    });
    return true;
  }

  bool Open(uint32_t number, RecordReader* body) {
    const std::string path(body->Text());
    const std::string manifest(body->Text());
    if (!body->ok() || host_ == nullptr) return false;
    auto plugin = host_->Open(path, manifest);
    const Status status = plugin.status();
    if (plugin.ok()) plugins_[number] = {path, std::move(*plugin)};
    socket_->Send([&](std::vector<std::byte>* packet) {
      RecordWriter(packet, RecordKind::kOpened, number).Put(status);
    });
    return true;
  }

  bool Close(uint32_t number) {
    const auto found = plugins_.find(number);
    if (found == plugins_.end()) return false;
    const std::string path = found->second.path;
    plugins_.erase(found);
    socket_->Send([&](std::vector<std::byte>* packet) {
      RecordWriter(packet, RecordKind::kClosed, number).Put(uint32_t{IsMapped(path) ? 1U : 0U});
    });
    return true;
  }

  bool Create(uint32_t number, RecordReader* body) {
    const auto plugin = plugins_.find(body->Get<uint32_t>());
    host::InstanceSpec spec;
    spec.model = body->Text();
    spec.config = body->Text();
    spec.lane.device_type = body->Get<int32_t>();
    spec.lane.device_id = body->Get<int32_t>();
    spec.lane.max_batch = body->Get<uint32_t>();
    spec.lane.sim_index = body->Get<uint32_t>();
    spec.lane.sim_speed = body->Get<double>();
    if (!body->ok()) return false;
    auto& instance = instances_[number];
    instance = std::make_unique<WorkerInstance>(number, spec.model, socket_, memory_);
    instance->Create(plugin == plugins_.end() ? nullptr : plugin->second.plugin.get(), spec);
    return true;
  }

  WorkerSocket* const socket_;
  const SharedMemory* const memory_;
  std::unique_ptr<host::Host> host_;
  std::map<uint32_t, OpenPlugin> plugins_;
  std::map<uint32_t, std::unique_ptr<WorkerInstance>> instances_;
};

// When memory runs out the kernel is to take a worker, whose jobs are tried again, and not the
// daemon or a stranger's program. Anybody may raise it; where it cannot be, all stays as it was.
void BeFirstToGo() {
  constexpr int kScore = 500;  // of 1000
  std::fstream file("/proc/self/oom_score_adj");
  int now = 0;
  if (file >> now && now < kScore) {
    file.seekp(0);
    file << kScore;
  }
}

int Main(const std::vector<std::string>& arguments) {
  // The daemon's end is noticed by the socket's; this is for when this thread cannot look.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!arguments.empty() && arguments.front() == kProbeArgument) {
    const int code = RunProbe({arguments.begin() + 1, arguments.end()});
    std::fflush(nullptr);
    _exit(code);  // a driver that was lost need not come home
  }
  signal(SIGPIPE, SIG_IGN);
  BeFirstToGo();
  SetThreadName("darkroom-worker");  // and so the process, for ps and top
  const auto memory = SharedMemory::Map(kChildArena);
  if (!memory.ok()) {
    fmt::print(stderr, "darkroom-worker is started by darkroomd, not by hand: {}\n",
               memory.status().message());
    return 2;
  }
  LeaveCrashesIn(reinterpret_cast<CrashNote*>(memory->data()));
  WorkerSocket socket(kChildSocket);
  WorkerProgram program(&socket, &*memory);
  const bool sound = program.Serve();
  // What runs in plugins cannot be waited for; static destructors of libtorch must not run.
  std::fflush(nullptr);
  _exit(sound ? EXIT_SUCCESS : EXIT_FAILURE);
}

}  // namespace
}  // namespace darkroom

int main(int argc, char** argv) { return darkroom::Main({argv + 1, argv + argc}); }
