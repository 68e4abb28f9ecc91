// SPDX-License-Identifier: Apache-2.0

#include "plugin_manager.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <utility>

#include "core/coroutine.h"
#include "core/suggest.h"
#include "plugin/file_trust.h"
#include "plugin/folder_watcher.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;
using boost::asio::awaitable;

bool IsPath(const std::string& key) { return key.find('/') != std::string::npos; }

double MsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// Each daemon that runs on a state folder has copies of its own, in a folder named by its process;
// those of processes that are gone go.
fs::path StagingFolder(const fs::path& state_dir) {
  const fs::path all = state_dir / "plugins";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(all, error)) {
    const std::string name = entry.path().filename().string();
    const bool number = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isdigit(c) != 0;
    });
    std::error_code ignored;
    if (number && kill(static_cast<pid_t>(std::stol(name)), 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
  return all / std::to_string(getpid());
}

}  // namespace

std::vector<Generation*> PluginRecord::Serving() const {
  std::vector<Generation*> serving;
  if (active != nullptr) serving.push_back(active.get());
  for (const auto& one : beside) serving.push_back(one.get());
  return serving;
}

Generation* PluginRecord::ServingOf(const Model& model) const {
  for (Generation* const one : Serving()) {
    if (one->HasSlotsOf(model)) return one;
  }
  return nullptr;
}

bool PluginRecord::HasLoaded(const Model& model) const {
  const Generation* const serving = ServingOf(model);
  if (serving == nullptr) return false;
  return std::any_of(serving->slots().begin(), serving->slots().end(), [&](const auto& one) {
    return &one.slot->model() == &model && one.slot->loaded();
  });
}

PluginManager::PluginManager(const Parts& parts)
    : parts_(parts),
      changes_(parts.io),
      staging_(StagingFolder(parts.config.state_dir).string()),
      hosts_(parts.io, parts.config, parts.places, parts.pool.devices(), parts.log),
      generation_parts_{parts.io, hosts_, parts.lanes, parts.pool, changes_, parts.log} {}

PluginManager::~PluginManager() { files_.join(); }

Status PluginManager::Prepare(const std::vector<std::shared_ptr<Model>>& models) {
  if (Status status = staging_.Clear(); !status.ok()) {
    return Status(
        status.code(), "plugins cannot be staged: " + status.message(),
        status.hint().empty() ? "set state_dir to a folder of the daemon's own" : status.hint());
  }
  for (const auto& model : models) RecordFor(model->config.plugin).models.push_back(model);
  if (parts_.config.plugins.serve_all) {
    for (const std::string& id : PluginIdsIn(parts_.places.plugin_folder.string())) RecordFor(id);
  }
  for (const auto& [key, record] : records_) {
    auto candidate = Read(key, parts_.config.plugins.digests);
    if (!candidate.ok()) {
      Break(record.get(), candidate.status());
      continue;
    }
    record->id = candidate->file->info.id;
    if (record->models.empty()) AddModelOfItsOwn(record.get(), *candidate->file);
    bool any = false;
    for (const auto& model : record->models) {
      auto contract = MakeContract(*candidate->file, last_generation_ + 1, model->config);
      any = any || contract.ok();
      model->broken = !contract.ok();
      model->error = contract.status();
      if (contract.ok()) {
        model->contract = *contract;
      } else {
        model->state = ModelState::kFailed;
      }
      parts_.observer.OnContractChanged(model);
    }
    if (!any && !record->models.empty()) {
      // Copied, since Break writes to it.
      const Status why = record->models.front()->error;
      Break(record.get(), why);
    }
    if (record->error.ok()) prepared_.emplace_back(record.get(), *std::move(candidate));
  }
  return Status::Ok();
}

void PluginManager::Start() {
  for (auto& [record, candidate] : prepared_) {
    ++starting_;
    StartCoroutine(parts_.io, OpenAtStart(record, std::move(candidate)));
  }
  prepared_.clear();
  if (parts_.config.plugins.watch) WatchFolder();
}

awaitable<void> PluginManager::Stop() {
  watcher_.reset();
  for (const auto& [key, record] : records_) {
    if (record->busy) continue;
    for (Generation* const one : record->Serving()) {
      one->StopServing();
      co_await one->Close();
      staging_.Remove(one->staged());
    }
    if (record->previous) staging_.Remove(*record->previous);
  }
  staging_.Leave();
}

awaitable<void> PluginManager::OpenAtStart(PluginRecord* record, Candidate candidate) {
  const Hold hold(record, &changes_);
  const auto change = co_await Replace(record, candidate);
  if (!change.ok()) Break(record, change.status());
  --starting_;
  parts_.observer.OnPluginsChanged();
}

Result<PluginManager::Candidate> PluginManager::Read(const std::string& key,
                                                     const Digests& allowed) {
  auto trusted = IsPath(key) ? OpenTrustedFile(key)
                             : OpenTrustedFileIn(parts_.places.plugin_folder.string(), key + ".so");
  if (!trusted.ok()) {
    if (IsPath(key) || trusted.status().code() != Code::kNotFound) return trusted.status();
    return NoPluginIn(parts_.places.plugin_folder.string(), key);
  }
  auto staged = staging_.Stage(*trusted);
  if (!staged.ok()) return staged.status();
  Candidate candidate;
  Status status = ReadStaged(*staged, allowed, &candidate);
  if (status.ok() && !IsPath(key) && candidate.file->info.id != key) {
    status = Status::FailedPrecondition(
        fmt::format("{} says that its id is \"{}\"", staged->source, candidate.file->info.id),
        fmt::format("name the file {}.so", candidate.file->info.id));
  }
  if (!status.ok()) {
    staging_.Remove(*staged);
    return status;
  }
  return candidate;
}

Status PluginManager::ReadStaged(const StagedFile& staged, const Digests& allowed,
                                 Candidate* candidate) const {
  Status status = CheckDigest(staged.source, staged.sha256, allowed);
  if (!status.ok()) return status;
  auto file = ReadPluginFile(staged.path, {parts_.places.torch_lib()}, staged.source);
  if (!file.ok()) return file.status();
  candidate->staged = staged;
  candidate->file = std::make_shared<const PluginFile>(*std::move(file));
  return Status::Ok();
}

awaitable<Result<PluginManager::Candidate>> PluginManager::ReadAside(std::string key) {
  // Asio wants what crosses to be there before it is known.
  // Copied here, since the configuration may change meanwhile.
  const Digests allowed = parts_.config.plugins.digests;
  const auto read = [this, &key, &allowed]() -> awaitable<std::optional<Result<Candidate>>> {
    co_return Read(key, allowed);
  };
  auto candidate = co_await boost::asio::co_spawn(files_, read(), boost::asio::use_awaitable);
  co_return *std::move(candidate);
}

PluginRecord& PluginManager::RecordFor(const std::string& key) {
  auto& record = records_[key];
  if (record == nullptr) {
    record = std::make_unique<PluginRecord>();
    record->key = key;
    record->id = key;
    record->origin = key;
  }
  return *record;
}

PluginRecord* PluginManager::Find(const std::string& id_or_key) const {
  if (const auto found = records_.find(id_or_key); found != records_.end()) {
    return found->second.get();
  }
  for (const auto& [key, record] : records_) {
    if (record->id == id_or_key) return record.get();
  }
  return nullptr;
}

Status PluginManager::NoSuchPlugin(const std::string& id) const {
  std::vector<std::string> ids;
  for (const auto& [key, record] : records_) ids.push_back(record->id);
  const std::string nearest = Nearest(id, ids);
  return Status::NotFound(fmt::format("no plugin \"{}\" is loaded here", id),
                          nearest.empty() ? "`darkroom plugins ls` lists them"
                                          : fmt::format("did you mean \"{}\"?", nearest));
}

std::vector<const PluginRecord*> PluginManager::Records() const {
  std::vector<const PluginRecord*> records;
  for (const auto& [key, record] : records_) records.push_back(record.get());
  return records;
}

std::vector<std::string> PluginManager::LastLines(const Model& model) const {
  std::vector<std::string> lines;
  for (const auto& [key, record] : records_) {
    const bool serves = std::any_of(record->models.begin(), record->models.end(),
                                    [&](const auto& one) { return one.get() == &model; });
    const Generation* const serving = serves ? record->ServingOf(model) : nullptr;
    if (serving == nullptr) continue;
    for (const auto& place : serving->places()) {
      const std::vector<std::string> more = place->host->LastLines();
      lines.insert(lines.end(), more.begin(), more.end());
    }
  }
  return lines;
}

awaitable<Result<PluginChange>> PluginManager::Load(std::string what) {
  auto candidate = co_await ReadAside(what);
  if (!candidate.ok()) co_return candidate.status();
  // A file elsewhere with the id of a plugin that is there is its upgrade.
  const std::string& id = candidate->file->info.id;
  PluginRecord* record = Find(IsPath(what) && Find(what) == nullptr ? id : what);
  if (record == nullptr) record = &RecordFor(IsPath(what) ? id : what);
  record->id = id;
  co_return co_await Take(record, what, *candidate);
}

awaitable<Result<PluginChange>> PluginManager::Take(PluginRecord* record, const std::string& what,
                                                    const Candidate& candidate) {
  const auto free = [record] { return !record->busy; };
  co_await changes_.Until(free);
  const Hold hold(record, &changes_);
  if (record->models.empty()) AddModelOfItsOwn(record, *candidate.file);
  const bool had_none = record->active == nullptr;
  auto change = co_await Replace(record, candidate);
  if (change.ok()) {
    record->origin = what;
  } else {
    record->error = change.status();
    if (had_none) Break(record, change.status());
    parts_.log.error("plugin {}: {}{}", record->id, change.status().ToString(),
                     had_none ? "" : "; the generation before goes on");
  }
  parts_.observer.OnPluginsChanged();
  co_return change;
}

awaitable<Result<PluginChange>> PluginManager::Upgrade(std::string id, std::string file) {
  PluginRecord* record = Find(id);
  if (record == nullptr) co_return NoSuchPlugin(id);
  const std::string what = file.empty() ? record->origin : file;
  auto candidate = co_await ReadAside(what);
  if (!candidate.ok()) co_return candidate.status();
  if (candidate->file->info.id != record->id) {
    staging_.Remove(candidate->staged);
    co_return Status::InvalidArgument(
        fmt::format("{} is the plugin \"{}\", not \"{}\"", what, candidate->file->info.id, id),
        "`darkroom plugins load` loads it as what it is");
  }
  co_return co_await Take(record, what, *candidate);
}

awaitable<Result<PluginChange>> PluginManager::Rollback(std::string id) {
  PluginRecord* record = Find(id);
  if (record == nullptr) co_return NoSuchPlugin(id);
  const auto free = [record] { return !record->busy; };
  co_await changes_.Until(free);
  const Hold hold(record, &changes_);
  if (!record->previous) {
    co_return Status::FailedPrecondition(
        fmt::format("plugin \"{}\" has no generation before this one", id),
        "rollback goes back to the one before the last upgrade");
  }
  Candidate candidate;
  if (Status status = ReadStaged(*record->previous, parts_.config.plugins.digests, &candidate);
      !status.ok())
    co_return status;
  record->previous.reset();  // the copy is the candidate's now
  auto change = co_await Replace(record, candidate);
  if (change.ok()) change->action = "rolled back";
  parts_.observer.OnPluginsChanged();
  co_return change;
}

awaitable<Result<PluginChange>> PluginManager::Unload(std::string id) {
  using boost::asio::experimental::awaitable_operators::operator||;
  PluginRecord* record = Find(id);
  if (record == nullptr) co_return NoSuchPlugin(id);
  const auto free = [record] { return !record->busy; };
  co_await changes_.Until(free);
  const Hold hold(record, &changes_);
  if (record->active == nullptr) {
    co_return Status::FailedPrecondition(fmt::format("plugin \"{}\" is not loaded", id),
                                         "`darkroom plugins load` loads it");
  }
  const auto start = std::chrono::steady_clock::now();
  PluginChange change;
  change.plugin = record->id;
  change.action = "unloaded";
  change.from = record->active->file().info.version;
  change.generation = record->active->number();
  // Nothing comes in any more; what has come is done first.
  Break(record, Status(Code::kNotFound, fmt::format("the plugin \"{}\" was unloaded", record->id),
                       fmt::format("`darkroom plugins load {}` loads it again", record->id)));
  const auto done = [record] {
    return std::all_of(record->models.begin(), record->models.end(),
                       [](const auto& model) { return model->queue.empty(); });
  };
  co_await (changes_.Until(done) || Sleep(parts_.config.drain_timeout));
  for (const auto& model : record->models) parts_.observer.FailQueued(*model, record->error);
  std::vector<Generation*> leaving = record->Serving();
  record->leaving.push_back(std::move(record->active));
  std::move(record->beside.begin(), record->beside.end(), std::back_inserter(record->leaving));
  record->beside.clear();
  record->unloaded = true;
  for (const auto& model : record->models) change.models.push_back(model->config.name);
  for (Generation* const old : leaving) old->StopServing();
  for (Generation* const old : leaving) co_await Retire(record, old, false);
  if (record->previous) staging_.Remove(*std::exchange(record->previous, std::nullopt));
  change.took_ms = MsSince(start);
  parts_.observer.OnPluginsChanged();
  co_return change;
}

void PluginManager::Break(PluginRecord* record, const Status& why) {
  record->error = why;
  for (const auto& model : record->models) {
    model->broken = true;
    model->state = ModelState::kFailed;
    model->error = why;
    if (record->active == nullptr) parts_.observer.FailQueued(*model, why);
    parts_.observer.OnContractChanged(model);
  }
}

void PluginManager::AddModelOfItsOwn(PluginRecord* record, const PluginFile& file) {
  ModelConfig config;
  config.name = file.info.id;
  config.plugin = record->key;
  for (const auto& [key, other] : records_) {
    for (const auto& model : other->models) {
      if (model->config.name == config.name) return;  // the name is taken by another plugin's
    }
  }
  auto model = std::make_shared<Model>(std::move(config), parts_.config.plugins.shadow);
  // Until the plugin serves.
  model->broken = true;
  model->error =
      Status(Code::kBusy, fmt::format("the plugin \"{}\" is being loaded", file.info.id));
  record->models.push_back(model);
  parts_.observer.OnModelAdded(model);
}

void PluginManager::UpdateModel(Model& model) {
  bool loading = false;
  bool loaded = false;
  bool resting = true;
  bool stranded = true;
  auto again = std::chrono::steady_clock::time_point::max();
  Status error;
  size_t slots = 0;
  size_t refused = 0;
  for (const auto& lane : parts_.lanes) {
    const Slot* slot = lane->Find(&model);
    if (slot == nullptr) continue;
    stranded = stranded && !parts_.pool.HealthOf(lane->device()).usable();
    if (slot->asleep()) continue;
    ++slots;
    if (slot->state() == SlotState::kRefused) ++refused;
    loaded = loaded || slot->loaded();
    loading = loading || slot->state() == SlotState::kLoading;
    if (error.ok()) error = slot->error();
    const Hosting& hosting = slot->hosting();
    resting = resting && hosting.state() == HostingState::kBackingOff;
    if (hosting.state() == HostingState::kBackingOff) again = std::min(again, hosting.again_at());
  }
  changes_.Notify();
  if (slots == 0 || model.broken) return;
  model.error = error;
  if (refused == slots) {
    model.broken = true;
    model.state = ModelState::kFailed;
    parts_.log.error("{}: cannot be served: {}", model.config.name, error.ToString());
    parts_.observer.FailQueued(model, error);
    return;
  }
  model.state = loaded        ? ModelState::kReady
                : loading     ? ModelState::kLoading
                : !error.ok() ? ModelState::kFailed
                              : ModelState::kUnloaded;
  model.stranded = stranded;
  model.resting_until = resting ? again : std::chrono::steady_clock::time_point{};
}

void PluginManager::WatchFolder() {
  FolderWatcher::Callbacks callbacks;
  callbacks.on_changed = [this](const std::string& name) {
    StartCoroutine(parts_.io, OnFileChanged(name));
  };
  callbacks.on_removed = [this](const std::string& name) {
    if (Find(fs::path(name).stem().string()) == nullptr) return;
    parts_.log.warn("{} is gone from {}; what is loaded goes on until it is unloaded", name,
                    parts_.places.plugin_folder.string());
  };
  callbacks.on_lost = [this](const Status& why) {
    parts_.log.error("new plugins will not be noticed: {}", why.ToString());
  };
  watcher_ = std::make_unique<FolderWatcher>(parts_.io, parts_.places.plugin_folder.string(),
                                             std::move(callbacks));
  if (const Status status = watcher_->Start(); !status.ok()) {
    parts_.log.warn("new plugins will not be noticed: {}", status.ToString());
  }
}

awaitable<void> PluginManager::OnFileChanged(std::string name) {
  const std::string id = fs::path(name).stem().string();
  if (Find(id) == nullptr && !parts_.config.plugins.serve_all) {
    parts_.log.info(
        "plugin file {}: no model names it; add one to `models`, or "
        "`darkroom plugins load {}`",
        name, id);
    co_return;
  }
  // Failures are logged, and listed with the plugin.
  const auto change = co_await Load(id);
  if (!change.ok()) {
    parts_.log.error("plugin file {} is not taken: {}", name, change.status().ToString());
  }
}

}  // namespace darkroom
