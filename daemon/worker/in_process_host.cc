// SPDX-License-Identifier: Apache-2.0

#include "worker/in_process_host.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "core/mapped_file.h"
#include "worker/event_relay.h"

namespace darkroom {
namespace {

// What the control thread owns of an instance or plugin, seen from the io_context's thread, which
// may look once it was told that it is there.
template <typename T>
using Cell = std::shared_ptr<std::unique_ptr<T>>;

class LocalInstance final : public host::Instance {
 public:
  LocalInstance(std::shared_ptr<TaskThreads> control, Cell<host::Plugin> plugin,
                const host::InstanceSpec& spec, std::unique_ptr<EventRelay> relay)
      : control_(std::move(control)), relay_(std::move(relay)) {
    control_->Post([plugin = std::move(plugin), cell = cell_, spec, events = relay_.get()] {
      auto made = (*plugin)->Create(spec, events);
      if (made.ok()) *cell = std::move(*made);
      events->OnCreated(made.status());
    });
  }
  ~LocalInstance() override {
    relay_->Close();
    // The lane may still say something while it comes home.
    control_->Post(
        [cell = cell_, relay = std::shared_ptr<EventRelay>(std::move(relay_))] { cell->reset(); });
  }

  // All of these come after OnCreated.
  void Load(uint64_t memory) override { (*cell_)->Load(memory); }
  void Run(std::vector<host::HostJob> batch) override { (*cell_)->Run(std::move(batch)); }
  void Pause() override { (*cell_)->Pause(); }
  void Resume() override { (*cell_)->Resume(); }
  void Unload() override { (*cell_)->Unload(); }
  void AnswerReserve(const Status& status) override { (*cell_)->AnswerReserve(status); }
  void Cancel(uint64_t token) override {
    control_->Post([cell = cell_, token] { (*cell)->Cancel(token); });
  }

 private:
  const std::shared_ptr<TaskThreads> control_;
  const Cell<host::Instance> cell_ = std::make_shared<std::unique_ptr<host::Instance>>();
  std::unique_ptr<EventRelay> relay_;
};

class LocalPlugin final : public HostedPlugin {
 public:
  LocalPlugin(boost::asio::io_context& io, Logger& log, std::shared_ptr<TaskThreads> control,
              Cell<host::Plugin> cell, std::string path)
      : io_(io),
        log_(log),
        control_(std::move(control)),
        cell_(std::move(cell)),
        path_(std::move(path)) {}
  ~LocalPlugin() override {
    *alive_ = false;
    control_->Post([cell = cell_] { cell->reset(); });
  }

  std::unique_ptr<host::Instance> Create(const host::InstanceSpec& spec,
                                         host::Events* events) override {
    auto relay = std::make_unique<EventRelay>(io_, spec.model, log_, events);
    return std::make_unique<LocalInstance>(control_, cell_, spec, std::move(relay));
  }

  bool Kill(const Status&) override { return false; }

  void Close(std::function<void(CloseOutcome)> done) override {
    control_->Post([&io = io_, cell = cell_, path = path_, alive = alive_, done = std::move(done)] {
      cell->reset();
      const CloseOutcome outcome{IsMapped(path)};
      boost::asio::post(io, [alive, done, outcome] {
        if (*alive) done(outcome);
      });
    });
  }

  pid_t pid() const override { return getpid(); }

 private:
  boost::asio::io_context& io_;
  Logger& log_;
  const std::shared_ptr<TaskThreads> control_;
  const Cell<host::Plugin> cell_;
  const std::string path_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

InProcessHost::InProcessHost(boost::asio::io_context& io, std::string library,
                             host::HostOptions options, Logger& log)
    : io_(io),
      library_path_(std::move(library)),
      options_(std::move(options)),
      log_(log),
      control_(std::make_shared<TaskThreads>("control", 1)) {}

InProcessHost::~InProcessHost() {
  *alive_ = false;
  // Plugins and instances that are on their way out go before the library does.
  control_.reset();
}

void InProcessHost::Open(const PluginToOpen& plugin, Opened opened, Lost) {
  control_->Post([this, plugin, alive = alive_, opened = std::move(opened)] {
    auto cell = std::make_shared<std::unique_ptr<host::Plugin>>();
    Status status;
    if (library_ == nullptr) {
      auto library = HostLibrary::Open(library_path_, options_);
      if (library.ok()) library_ = std::move(*library);
      status = library.status();
    }
    if (status.ok()) {
      auto made = library_->host().Open(plugin.path, plugin.manifest);
      if (made.ok()) *cell = std::move(*made);
      status = made.status();
    }
    boost::asio::post(io_, [this, plugin, cell, alive, opened, status] {
      if (!*alive) return;
      if (!status.ok()) {
        opened(status);
        return;
      }
      opened(std::unique_ptr<HostedPlugin>(
          std::make_unique<LocalPlugin>(io_, log_, control_, cell, plugin.path)));
    });
  });
}

}  // namespace darkroom
