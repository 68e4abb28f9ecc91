// SPDX-License-Identifier: Apache-2.0

#include "reload.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <utility>

#include "core/coroutine.h"
#include "endpoint_check.h"

namespace darkroom {

using boost::asio::awaitable;

Reload::Reload(Parts parts)
    : parts_(std::move(parts)), references_(parts_.references), changes_(parts_.io) {}

Reload::~Reload() { aside_.join(); }

void Reload::RunSoon() {
  if (std::exchange(signalled_, true)) return;
  StartCoroutine(parts_.io, RunForSignal());
}

awaitable<void> Reload::RunForSignal() {
  // What it comes to is logged.
  Checked nobody;
  const auto report = co_await Run(std::move(nobody));
  static_cast<void>(report);
}

awaitable<Result<ReloadReport>> Reload::Run(Checked checked) {
  const auto turn = [this] { return !busy_ && parts_.state != "starting"; };
  co_await changes_.Until(turn);
  signalled_ = false;
  if (parts_.state == "draining") {
    co_return Status::FailedPrecondition("the daemon is draining, and reads no configuration",
                                         "the next one that starts reads it");
  }
  busy_ = true;
  parts_.service.BeginReload();
  auto report = co_await RunNext(std::move(checked));
  if (report.ok()) {
    parts_.log.info("reload: {}", report->Summary());
  } else {
    parts_.log.error("reload: nothing is changed: {}", report.status().message());
  }
  if (parts_.state != "draining") {
    parts_.service.EndReload(report.ok() ? std::string() : report.status().message());
  }
  busy_ = false;
  changes_.Notify();
  co_return report;
}

awaitable<Result<ReloadReport>> Reload::RunNext(Checked checked) {
  const std::shared_ptr<Read> read = co_await ReadAside();
  if (Status refusal = Refusal(*read); !refusal.ok()) co_return refusal;
  ReloadReport report;
  report.plan = read->plan;
  report.warnings = read->warnings;
  for (const std::string& key : report.plan.needs_restart) {
    report.warnings.push_back(fmt::format("{} needs a restart, and stays as it is", key));
  }
  for (const std::string& warning : report.warnings) parts_.log.warn("reload: {}", warning);
  if (checked) checked(report);
  co_await Apply(&report);
  Show(read->loaded.references);
  report.done = true;
  co_return report;
}

awaitable<std::shared_ptr<Reload::Read>> Reload::ReadAside() {
  // What plugins are open with counts, and not what lies in their folder by now.
  Files files;
  for (const auto& model : parts_.models) {
    const std::string& key = model->config.plugin;
    if (auto file = parts_.plugins.FileOf(key); file != nullptr) files[key] = std::move(file);
  }
  const auto read = std::make_shared<Read>();
  const Config now = parts_.config;
  const auto work = [this, &files, &now, &read]() -> awaitable<void> {
    ReadNow(now, files, read.get());
    co_return;
  };
  co_await boost::asio::co_spawn(aside_, work(), boost::asio::use_awaitable);
  co_return read;
}

void Reload::ReadNow(const Config& now, const Files& files, Read* read) const {
  read->loaded = LoadConfig(parts_.file);
  if (!read->loaded.config) return;
  read->plan = PlanReload(now, *read->loaded.config);
  const Config& config = read->plan.config;
  PluginRegistry registry(parts_.places.plugin_folder.string(), {parts_.places.torch_lib()});
  const auto find = [&](const std::string& key) -> Result<std::shared_ptr<const PluginFile>> {
    const auto open = files.find(key);
    if (open != files.end()) return open->second;
    return registry.Find(key);
  };
  const auto models = SetUpModels(config, find);
  read->wrong = CheckEndpoints(read->loaded, config, models);
  read->warnings = WarningsOf(models);
}

Status Reload::Refusal(const Read& read) const {
  std::vector<std::string> wrong;
  for (const ConfigIssue& issue : read.loaded.issues) wrong.push_back(issue.ToString());
  for (const ConfigIssue& issue : read.wrong) wrong.push_back(issue.ToString());
  if (wrong.empty()) return Status::Ok();
  return Status::InvalidArgument(
      fmt::format("{}", fmt::join(wrong, "; ")),
      fmt::format("`darkroom config check {}` on that host shows the lines", parts_.file.string()));
}

}  // namespace darkroom
