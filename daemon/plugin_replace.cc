// SPDX-License-Identifier: Apache-2.0
//
// The upgrade itself: PluginManager::Replace and its steps (docs/plugin-hosting.md).

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "core/coroutine.h"
#include "plugin_manager.h"

namespace darkroom {

using boost::asio::awaitable;

awaitable<Result<PluginChange>> PluginManager::Replace(PluginRecord* record,
                                                       const Candidate& candidate, bool anew) {
  const auto start = std::chrono::steady_clock::now();
  const ModelInfo& info = candidate.file->info;
  PluginChange change;
  change.plugin = info.id;
  change.version = info.version;
  for (const auto& model : record->models) change.models.push_back(model->config.name);
  if (record->active != nullptr) {
    change.from = record->active->file().info.version;
    if (!anew && record->active->file().sha256 == candidate.file->sha256) {
      staging_.Remove(candidate.staged);
      change.action = "unchanged";
      change.generation = record->active->number();
      co_return change;
    }
  }
  auto next = std::make_unique<Generation>(generation_parts_, ++last_generation_, candidate.staged,
                                           candidate.file);
  change.generation = next->number();
  const bool in_process = parts_.config.plugins.RulesOf(info.id).isolation == Isolation::kInProcess;
  Status status;
  if (in_process) status = co_await Probe(*candidate.file);
  if (status.ok()) status = next->Open(record->models);
  if (status.ok()) status = co_await next->Opened();
  for (const auto& model : record->models) {
    if (!status.ok()) break;
    // At first each model stands for itself. What served before must be served after.
    const Generation* const serving = record->ServingOf(*model);
    if (serving != nullptr && serving->RefusalOf(*model).ok()) {
      status = next->RefusalOf(*model).Annotated(fmt::format("model '{}'", model->config.name));
    }
    if (status.ok() && next->NoPlaceFor(*model).ok()) {
      status = parts_.observer.CheckContract(*model, next->ContractOf(*model));
    }
  }
  if (status.ok()) status = co_await Warm(record, next.get(), &change);
  for (const auto& model : record->models) {
    // In a swap the old generation has made room, and does not serve: what waits, waits.
    if (!status.ok() || record->active == nullptr || change.plan == "swap") break;
    status = co_await next->Rehearse(model, model->recent.All());
  }
  if (!status.ok()) {
    co_await Discard(std::move(next));
    co_return status;
  }
  change.action = record->active == nullptr ? "loaded" : anew ? "begun anew" : "upgraded";
  Switch(record, std::move(next));
  change.took_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  parts_.log.info("plugin {} {} {} in {:.0f} ms (generation {}{})", info.id, info.version,
                  change.action, change.took_ms, change.generation,
                  change.plan.empty() ? "" : ", " + change.plan);
  co_return change;
}

awaitable<Status> PluginManager::Probe(const PluginFile& file) {
  const auto host = hosts_.ForProbe(file);
  Hosting probe(parts_.io, *host, PluginToOpen{file.path, file.manifest_json},
                file.info.id + " probe", parts_.log, [this] { changes_.Notify(); });
  probe.Open();
  const auto tried = [&] { return probe.state() != HostingState::kOpening; };
  co_await changes_.Until(tried);
  co_return probe.state() == HostingState::kOpen ? Status::Ok() : probe.error();
}

awaitable<Status> PluginManager::Warm(PluginRecord* record, Generation* next,
                                      PluginChange* change) {
  // What is loaded now is to be loaded after; the rest loads when it is asked for, as ever.
  Generation* const active = record->active.get();
  std::vector<std::shared_ptr<Model>> warm;
  for (const auto& model : record->models) {
    if (record->HasLoaded(*model)) warm.push_back(model);
  }
  if (active != nullptr) change->plan = "overlap";
  Status status = co_await next->Load(warm);
  if (status.code() != Code::kResourceExhausted || active == nullptr) co_return status;

  // No room for both: the old one makes room, while the queue holds what comes.
  change->plan = "swap";
  change->notes.push_back(
      fmt::format("there was no room for both generations: {}", status.message()));
  parts_.log.warn("plugin {}: {}; the old generation makes room first", change->plugin,
                  status.message());
  const std::vector<Generation*> serving = record->Serving();
  for (Generation* const one : serving) one->StopServing();
  bool room = true;
  for (Generation* const one : serving) {
    room = room && co_await one->Drain(parts_.config.drain_timeout);
    if (room) co_await one->Unload();
  }
  if (room) {
    status = co_await next->Load(warm);
    room = status.ok();
  }
  if (!room) {
    if (status.ok()) status = Status::Internal("the old generation could not be drained");
    for (Generation* const one : serving) one->Serve();
    for (Generation* const one : serving) {
      const Status back = co_await one->Load(warm);
      if (!back.ok()) parts_.log.error("plugin {}: {}", change->plugin, back.ToString());
    }
  }
  co_return status;
}

void PluginManager::Switch(PluginRecord* record, std::unique_ptr<Generation> next) {
  const std::vector<Generation*> before = record->Serving();
  std::unique_ptr<Generation> old = std::move(record->active);
  std::vector<std::unique_ptr<Generation>> beside = std::move(record->beside);
  record->beside.clear();
  record->active = std::move(next);
  record->error = Status::Ok();
  record->unloaded = false;
  for (const auto& model : record->models) {
    model->contract = record->active->ContractOf(*model);
    model->error = record->active->NoPlaceFor(*model);
    model->broken = !model->error.ok();
    if (model->broken) {
      model->state = ModelState::kFailed;
      parts_.log.error("{}: cannot be served: {}", model->config.name, model->error.ToString());
      parts_.observer.FailQueued(*model, model->error);
    }
    parts_.observer.OnContractChanged(model);
  }
  record->active->Serve();
  for (const auto& model : record->models) UpdateModel(*model);
  if (old == nullptr) {
    for (const auto& [lane, slot, home] : record->active->slots()) {
      if (!home || !slot->model().config.preload) continue;
      if (const Status status = lane->Load(slot); !status.ok()) {
        parts_.log.error("{}: cannot be loaded at start: {}", slot->model().config.name,
                         status.ToString());
      }
    }
    return;
  }
  ++record->upgrades;
  const Generation* const main = old.get();
  record->leaving.push_back(std::move(old));
  std::move(beside.begin(), beside.end(), std::back_inserter(record->leaving));
  for (Generation* const one : before) {
    one->StopServing();
    StartCoroutine(parts_.io, Retire(record, one, one == main));
  }
}

awaitable<void> PluginManager::Retire(PluginRecord* record, Generation* old, bool keep_copy) {
  if (!co_await old->Drain(parts_.config.drain_timeout)) {
    parts_.log.error("plugin {} {}: jobs in the daemon itself do not end; it stays", record->id,
                     old->file().info.version);
    co_return;
  }
  for (const auto& place : old->places()) record->crashes += place->hosting->crashes();
  co_await old->Close();
  const PluginFile& file = old->file();
  if (old->state() == GenerationState::kResident) {
    ++record->resident;
    const auto& reasons = file.report.residents;
    parts_.log.warn("plugin {} {} stays mapped after it was closed: {}", file.info.id,
                    file.info.version,
                    !reasons.empty()            ? reasons.front()
                    : file.report.thread_locals ? "its thread-local variables may hold it"
                                                : "something still points to it");
  }
  if (keep_copy) {
    KeepForRollback(record, old->staged());
  } else {
    staging_.Remove(old->staged());
  }
  const auto found = std::find_if(record->leaving.begin(), record->leaving.end(),
                                  [old](const auto& one) { return one.get() == old; });
  record->leaving.erase(found);
  parts_.observer.OnPluginsChanged();
}

void PluginManager::KeepForRollback(PluginRecord* record, const StagedFile& staged) {
  if (record->previous && record->previous->path != staged.path) {
    staging_.Remove(*record->previous);
  }
  record->previous = staged;
}

awaitable<void> PluginManager::Discard(std::unique_ptr<Generation> failed) {
  co_await failed->Close();
  staging_.Remove(failed->staged());
}

}  // namespace darkroom
