// SPDX-License-Identifier: Apache-2.0

#include "worker/remote_plugin.h"

#include <fmt/format.h>

#include <utility>

#include "core/units.h"
#include "worker/remote_instance.h"

namespace darkroom {
namespace {

constexpr std::chrono::seconds kCloseLimit(30);

}  // namespace

RemotePlugin::RemotePlugin(std::shared_ptr<Worker> worker, PluginHost::Lost lost)
    : worker_(std::move(worker)),
      lost_(std::move(lost)),
      number_(worker_->Join(this)),
      limit_(worker_->io()) {}

RemotePlugin::~RemotePlugin() {
  EndCommand();
  worker_->Leave(number_);
  if (open_ && !worker_->lost()) TellToClose();  // others may be there still
}

void RemotePlugin::StartCommand(const char* what, std::chrono::milliseconds allowed) {
  in_command_ = true;
  worker_->BeginLongCommand(number_);
  limit_.expires_after(allowed);
  limit_.async_wait([worker = worker_, what, allowed](const boost::system::error_code& error) {
    if (error) return;
    worker->Condemn({Code::kDeadlineExceeded, fmt::format("the plugin did not {} within {}", what,
                                                          FormatDuration(allowed))});
  });
}

void RemotePlugin::EndCommand() {
  if (!std::exchange(in_command_, false)) return;
  limit_.cancel();
  worker_->EndLongCommand(number_);
}

void RemotePlugin::Open(const PluginToOpen& plugin, OnOpened on_opened) {
  on_opened_ = std::move(on_opened);
  StartCommand("open", worker_->open_limit());
  std::vector<std::byte> packet;
  {
    RecordWriter out(&packet, RecordKind::kOpen, number_);
    out.Put(plugin.path);
    out.Put(plugin.manifest);
  }
  worker_->Send(std::move(packet));
}

std::unique_ptr<host::Instance> RemotePlugin::Create(const host::InstanceSpec& spec,
                                                     host::Events* events) {
  return std::make_unique<RemoteInstance>(worker_, number_, spec, events);
}

bool RemotePlugin::Kill(const Status& why) {
  worker_->Dismiss(why);
  return true;
}

void RemotePlugin::Close(std::function<void(CloseOutcome)> done) {
  on_closed_ = std::move(done);
  StartCommand("shut down", kCloseLimit);
  TellToClose();
}

void RemotePlugin::TellToClose() {
  open_ = false;
  std::vector<std::byte> packet;
  { const RecordWriter out(&packet, RecordKind::kClose, number_); }
  worker_->Send(std::move(packet));
}

bool RemotePlugin::OnRecord(RecordKind kind, RecordReader* body) {
  if (kind == RecordKind::kOpened && on_opened_) {
    const Status status = body->GetStatus();
    if (!body->ok()) return false;
    EndCommand();
    open_ = status.ok();
    std::exchange(on_opened_, nullptr)(status);
    return true;
  }
  if (kind == RecordKind::kClosed && on_closed_) {
    // With nobody else in it the worker ends, and its mappings with it.
    const bool goes_on = worker_->users() > 1;
    const CloseOutcome outcome{body->Get<uint32_t>() != 0 && goes_on};
    EndCommand();
    std::exchange(on_closed_, nullptr)(outcome);
    return true;
  }
  return false;
}

void RemotePlugin::OnWorkerLost(const Status& why) {
  const bool to_blame = worker_->MayBlameCommandOf(number_);
  if (on_opened_) {
    const std::string words = "the plugin could not be opened: " + why.message();
    // Not retryable, as the loss of what was open is: who asks again would hear the same. Unless
    // somebody else who shares the worker was why.
    std::exchange(on_opened_, nullptr)(
        to_blame ? Status::FailedPrecondition(words, "the daemon's log may say more")
                 : Status(Code::kInstanceLost, words));
  } else if (on_closed_) {
    std::exchange(on_closed_, nullptr)({});  // with its process
  } else if (std::exchange(open_, false)) {
    const PluginHost::Lost lost = lost_;  // may destroy this
    lost(why);
  }
}

}  // namespace darkroom
