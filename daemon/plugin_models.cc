// SPDX-License-Identifier: Apache-2.0
//
// What a new configuration does to plugins: PluginManager::Serve, Remove and Renew
// (docs/plugin-hosting.md, "A new configuration"). A model that is new or made otherwise gets a
// generation of its own, of the file that its plugin has open, beside those of the plugin's other
// models, which go on undisturbed: a worker may read only what it was started with. The next
// upgrade makes one of them again.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/coroutine.h"
#include "plugin/file_trust.h"
#include "plugin_manager.h"

namespace darkroom {

using boost::asio::awaitable;

namespace {

void Move(const std::shared_ptr<Model>& model, PluginRecord* from, PluginRecord* to) {
  if (from == to) return;
  if (from != nullptr) std::erase(from->models, model);
  to->models.push_back(model);
}

}  // namespace

PluginRecord* PluginManager::RecordOf(const Model& model) const {
  for (const auto& [key, record] : records_) {
    for (const auto& one : record->models) {
      if (one.get() == &model) return record.get();
    }
  }
  return nullptr;
}

std::shared_ptr<const PluginFile> PluginManager::FileOf(const std::string& key) const {
  const auto found = records_.find(key);
  if (found == records_.end() || found->second->active == nullptr) return nullptr;
  return found->second->active->shared_file();
}

awaitable<Result<PluginManager::Candidate>> PluginManager::CopyAside(const Generation& active) {
  const auto copy = [this, &active]() -> awaitable<std::optional<Result<StagedFile>>> {
    auto trusted = OpenTrustedFile(active.staged().path);
    if (!trusted.ok()) co_return trusted.status();
    co_return staging_.Stage(*trusted);
  };
  const auto staged = co_await boost::asio::co_spawn(files_, copy(), boost::asio::use_awaitable);
  if (!(*staged).ok()) co_return (*staged).status();
  Candidate candidate;
  candidate.staged = **staged;
  candidate.staged.source = active.staged().source;
  auto file = std::make_shared<PluginFile>(active.file());
  file->path = candidate.staged.path;
  candidate.file = std::move(file);
  co_return candidate;
}

awaitable<Status> PluginManager::Serve(std::shared_ptr<Model> model, ModelConfig config) {
  PluginRecord* const record = &RecordFor(config.plugin);
  // It may be another plugin's until now.
  PluginRecord* const before = RecordOf(*model);
  const auto free = [record, before] {
    return !record->busy && (before == nullptr || !before->busy);
  };
  co_await changes_.Until(free);
  const Hold hold(record, &changes_);
  std::optional<Hold> other;
  if (before != nullptr && before != record) other.emplace(before, &changes_);
  // Two statements: gcc 12 destroys what a ?: with a co_await in it makes twice.
  std::optional<Result<Candidate>> found;
  if (record->active != nullptr) {
    found = co_await CopyAside(*record->active);
  } else {
    found = co_await ReadAside(config.plugin);
  }
  const Result<Candidate>& candidate = *found;
  const bool served = before != nullptr && before->ServingOf(*model) != nullptr;
  if (candidate.ok() && (served || record->active != nullptr)) {
    const Status status = co_await ServeBeside(record, model, config, *candidate);
    // One that nobody has used yet need not be there before it serves.
    if (status.ok() && !served && config.preload) co_return co_await LoadNow(model);
    if (status.ok() || served) co_return status;
    model->config = config;
    model->broken = true;
    model->state = ModelState::kFailed;
    model->error = status;
    Move(model, before, record);
    parts_.observer.OnContractChanged(model);
    co_return status;
  }
  if (!candidate.ok() && served) co_return candidate.status();
  // Nothing of the plugin is open, and nobody serves the model: all of the plugin's models begin.
  model->config = config;
  Move(model, before, record);
  if (candidate.ok()) {
    record->id = candidate->file->info.id;
    const auto change = co_await Replace(record, *candidate);
    if (!change.ok()) Break(record, change.status());
  } else {
    Break(record, candidate.status());
  }
  parts_.observer.OnPluginsChanged();
  if (!model->error.ok() || !config.preload) co_return model->error;
  co_return co_await LoadNow(model);
}

awaitable<Status> PluginManager::ServeBeside(PluginRecord* record, std::shared_ptr<Model> model,
                                             const ModelConfig& config,
                                             const Candidate& candidate) {
  auto next = std::make_unique<Generation>(generation_parts_, ++last_generation_, candidate.staged,
                                           candidate.file);
  const std::vector<std::shared_ptr<Model>> models(1, model);
  const PluginRecord* const before = RecordOf(*model);
  const bool served = before != nullptr && before->ServingOf(*model) != nullptr;
  Status status;
  const PluginRules& rules = parts_.config.plugins.RulesOf(candidate.file->info.id);
  if (rules.isolation == Isolation::kInProcess && record->active == nullptr) {
    status = co_await Probe(*candidate.file);
  }
  if (status.ok()) status = next->Open(models, &config);
  if (status.ok()) status = co_await next->Opened();
  if (status.ok()) status = next->RefusalOf(*model);
  if (status.ok()) status = parts_.observer.CheckContract(*model, next->ContractOf(*model));
  bool swapped = false;
  if (status.ok() && served) {
    if (config.preload || before->HasLoaded(*model)) {
      status = co_await WarmBeside(next.get(), model, &swapped);
    }
    const auto requests = model->recent.All();
    if (status.ok() && !swapped && !requests.empty()) {
      status = co_await next->Rehearse(model, requests);
    }
  }
  if (!status.ok()) {
    co_await Discard(std::move(next));
    co_return status;
  }
  SwitchBeside(record, model, config, std::move(next));
  co_return status;
}

awaitable<Status> PluginManager::WarmBeside(Generation* next, std::shared_ptr<Model> model,
                                            bool* swapped) {
  const std::vector<std::shared_ptr<Model>> models(1, model);
  Generation* const old = RecordOf(*model)->ServingOf(*model);
  Status status = co_await next->Load(models);
  if (status.code() != Code::kResourceExhausted) co_return status;
  // No room for both, as in an upgrade: the old one makes room, while the queue holds what comes.
  *swapped = true;
  parts_.log.warn("{}: {}; the instance that it has makes room first", model->config.name,
                  status.message());
  old->StopServing(model.get());
  const bool drained = co_await old->Drain(parts_.config.drain_timeout, model.get());
  if (drained) {
    co_await old->Unload(model.get());
    status = co_await next->Load(models);
    if (status.ok()) co_return status;
  } else {
    status = Status::Internal("the instance that it has could not be drained");
  }
  old->Serve(model.get());
  const Status back = co_await old->Load(models);
  if (!back.ok()) parts_.log.error("{}: {}", model->config.name, back.ToString());
  co_return status;
}

void PluginManager::SwitchBeside(PluginRecord* record, const std::shared_ptr<Model>& model,
                                 const ModelConfig& config, std::unique_ptr<Generation> next) {
  PluginRecord* const before = RecordOf(*model);
  Generation* const old = before == nullptr ? nullptr : before->ServingOf(*model);
  Move(model, before, record);
  Generation* const made = next.get();
  model->config = config;
  model->contract = made->ContractOf(*model);
  model->error = Status::Ok();
  model->broken = false;
  if (record->active == nullptr) {
    record->id = made->file().info.id;
    record->active = std::move(next);
  } else {
    record->beside.push_back(std::move(next));
  }
  record->error = Status::Ok();
  record->unloaded = false;
  parts_.observer.OnContractChanged(model);
  made->Serve();
  UpdateModel(*model);
  if (old != nullptr) StartCoroutine(parts_.io, Depart(before, old, model));
}

awaitable<void> PluginManager::Depart(PluginRecord* record, Generation* old,
                                      std::shared_ptr<Model> model) {
  const std::string id = record->id;
  const bool left = co_await old->Leave(*model, parts_.config.drain_timeout);
  if (!left) {
    parts_.log.error("plugin {}: jobs of '{}' in the daemon itself do not end; they stay", id,
                     model->config.name);
    co_return;
  }
  // It may have been replaced meanwhile, and be gone.
  const auto found = std::find_if(record->beside.begin(), record->beside.end(),
                                  [old](const auto& one) { return one.get() == old; });
  if (found != record->beside.end() && old->slots().empty()) {
    record->leaving.push_back(std::move(*found));
    record->beside.erase(found);
    co_await Retire(record, old, false);
  }
  const auto free = [record] { return !record->busy; };
  co_await changes_.Until(free);
  // The last of its models is gone, and it goes, too.
  if (!record->models.empty() || record->active == nullptr) co_return;
  const Hold hold(record, &changes_);
  old = record->active.get();
  record->error = Status::NotFound(fmt::format("no model names the plugin \"{}\" any more", id));
  record->unloaded = true;
  record->leaving.push_back(std::move(record->active));
  old->StopServing();
  co_await Retire(record, old, false);
  if (record->previous) staging_.Remove(*std::exchange(record->previous, std::nullopt));
}

awaitable<void> PluginManager::Remove(std::shared_ptr<Model> model, Status why) {
  using boost::asio::experimental::awaitable_operators::operator||;
  PluginRecord* const record = RecordOf(*model);
  model->broken = true;
  model->state = ModelState::kFailed;
  model->error = why;
  const auto done = [&model] { return model->queue.empty(); };
  if (record != nullptr && record->ServingOf(*model) != nullptr) {
    co_await (changes_.Until(done) || Sleep(parts_.config.drain_timeout));
  }
  parts_.observer.FailQueued(*model, why);
  if (record == nullptr) co_return;
  const auto free = [record] { return !record->busy; };
  co_await changes_.Until(free);
  Generation* const serving = record->ServingOf(*model);
  std::erase(record->models, model);
  if (serving != nullptr) co_await Depart(record, serving, model);
}

awaitable<Status> PluginManager::LoadNow(std::shared_ptr<Model> model) {
  const PluginRecord* const record = RecordOf(*model);
  Generation* const serving = record == nullptr ? nullptr : record->ServingOf(*model);
  if (serving == nullptr) co_return model->error;
  const std::vector<std::shared_ptr<Model>> models(1, model);
  co_return co_await serving->Load(models);
}

awaitable<Status> PluginManager::Renew() {
  Status first;
  for (const auto& [key, one] : records_) {
    PluginRecord* const record = one.get();
    const auto free = [record] { return !record->busy; };
    co_await changes_.Until(free);
    if (record->active == nullptr || record->models.empty()) continue;
    const Hold hold(record, &changes_);
    const auto candidate = co_await CopyAside(*record->active);
    Status status = candidate.status();
    if (candidate.ok()) {
      const auto change = co_await Replace(record, *candidate, true);
      status = change.status();
    }
    if (status.ok()) continue;
    parts_.log.error("plugin {}: {}; it goes on as it was", record->id, status.ToString());
    if (first.ok()) first = status.Annotated(fmt::format("plugin '{}'", record->id));
  }
  co_return first;
}

}  // namespace darkroom
