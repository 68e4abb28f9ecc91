// SPDX-License-Identifier: Apache-2.0
//
// PluginManager loads, upgrades, rolls back and unloads plugins while the daemon works. It stages a
// private copy of a plugin's file, checks it, opens it as a new generation beside the old one, and
// lets it take the models over in one step; the old one then finishes what it has and goes.
// Whatever fails before that step changes nothing.
//
// For the io_context's thread. Operations are coroutines; those about one plugin wait for each
// other.

#ifndef DARKROOM_PLUGIN_MANAGER_H_
#define DARKROOM_PLUGIN_MANAGER_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/places.h"
#include "core/changes.h"
#include "core/log.h"
#include "device/device.h"
#include "generation.h"
#include "model_setup.h"
#include "plugin/folder_watcher.h"
#include "plugin/staging.h"
#include "plugin_hosts.h"
#include "queue/model.h"
#include "worker/lane.h"

namespace darkroom {

// What an operation did.
struct PluginChange {
  std::string plugin;
  std::string action;  // loaded, upgraded, rolled back, unloaded, unchanged
  std::string from;    // version that was active; empty: none
  std::string version;
  uint32_t generation = 0;
  std::string plan;  // overlap, swap; empty: nothing was replaced
  double took_ms = 0;
  std::vector<std::string> models;
  std::vector<std::string> notes;
};

// A plugin and what is at work of it.
struct PluginRecord {
  std::string key;     // as the configuration names it: an id, or a path
  std::string id;      // the manifest's; while none was read, the key
  std::string origin;  // what it was last loaded by: an id, or a path
  std::vector<std::shared_ptr<Model>> models;
  std::unique_ptr<Generation> active;
  std::vector<std::unique_ptr<Generation>> leaving;
  // What rollback goes back to: the copy is kept.
  std::optional<StagedFile> previous;
  Status error;           // why nothing is active, or the last change failed
  bool unloaded = false;  // since somebody asked for it
  bool busy = false;
  uint64_t upgrades = 0;
  uint64_t resident = 0;  // generations that stayed mapped in the daemon
  uint64_t crashes = 0;   // of generations that are gone
};

class PluginManager {
 public:
  // Whom it tells. Called on the io_context's thread.
  class Observer {
   public:
    virtual ~Observer() = default;
    // Whether the model could be served by this contract, with the configuration's routes.
    virtual Status CheckContract(const Model& model,
                                 std::shared_ptr<const ModelContract> contract) = 0;
    // The model has another contract, or lost its plugin.
    virtual void OnContractChanged(const std::shared_ptr<Model>& model) = 0;
    virtual void OnModelAdded(const std::shared_ptr<Model>& model) = 0;
    // Nobody will run what waits for the model: it is to be answered with this.
    virtual void FailQueued(Model& model, const Status& why) = 0;
    virtual void OnPluginsChanged() = 0;
  };

  // All must outlive this.
  struct Parts {
    boost::asio::io_context& io;
    const Config& config;
    const Places& places;
    DevicePool& pool;
    const std::vector<std::unique_ptr<Lane>>& lanes;
    Observer& observer;
    Logger& log;
  };

  explicit PluginManager(const Parts& parts);
  ~PluginManager();

  // Reads the plugins of the models given and gives these their contracts; those that cannot have
  // one become broken. Blocks; once, before the io_context runs. An error: nothing can be staged.
  Status Prepare(const std::vector<std::shared_ptr<Model>>& models);
  // Opens what Prepare has read, and begins to look at the plugin folder.
  void Start();
  // Closes everything, for the daemon's end. After the last job.
  boost::asio::awaitable<void> Stop();

  // Whether something that Start began has neither succeeded nor failed yet.
  bool starting() const { return starting_ > 0; }

  // `what` is a path to a file, or the id of one in the plugin folder. A plugin that is there
  // already is upgraded. A plugin that no model names then serves one of its own name.
  boost::asio::awaitable<Result<PluginChange>> Load(std::string what);
  // Loads another file for a plugin that is known here; without one, the file that it came from.
  boost::asio::awaitable<Result<PluginChange>> Upgrade(std::string id, std::string file);
  boost::asio::awaitable<Result<PluginChange>> Rollback(std::string id);
  boost::asio::awaitable<Result<PluginChange>> Unload(std::string id);

  // Looks at what has become of a model's slots.
  void UpdateModel(Model& model);
  void NotifyChanged() { changes_.Notify(); }

  std::vector<const PluginRecord*> Records() const;

  // What the workers that run the model said last.
  std::vector<std::string> LastLines(const Model& model) const;

 private:
  struct Candidate {
    StagedFile staged;
    std::shared_ptr<const PluginFile> file;
  };

  Result<Candidate> Read(const std::string& key);
  boost::asio::awaitable<Result<Candidate>> ReadAside(std::string key);
  Status ReadStaged(const StagedFile& staged, Candidate* candidate) const;

  PluginRecord* Find(const std::string& id_or_key) const;
  PluginRecord& RecordFor(const std::string& key);
  Status NoSuchPlugin(const std::string& id) const;

  boost::asio::awaitable<void> OpenAtStart(PluginRecord* record, Candidate candidate);
  // Replaces what the plugin has by the candidate, which came from `what`, as soon as nobody else
  // changes it.
  boost::asio::awaitable<Result<PluginChange>> Take(PluginRecord* record, const std::string& what,
                                                    const Candidate& candidate);
  // Makes the candidate the plugin's active generation. The record must be held.
  boost::asio::awaitable<Result<PluginChange>> Replace(PluginRecord* record,
                                                       const Candidate& candidate);
  boost::asio::awaitable<Status> Probe(const PluginFile& file);
  boost::asio::awaitable<Status> Warm(PluginRecord* record, Generation* next, PluginChange* change);
  void Switch(PluginRecord* record, std::unique_ptr<Generation> next);
  boost::asio::awaitable<void> Retire(PluginRecord* record, Generation* old, bool keep_copy);
  boost::asio::awaitable<void> Discard(std::unique_ptr<Generation> failed);
  void KeepForRollback(PluginRecord* record, const StagedFile& staged);
  void Break(PluginRecord* record, const Status& why);
  void AddModelOfItsOwn(PluginRecord* record, const PluginFile& file);

  void WatchFolder();
  boost::asio::awaitable<void> OnFileChanged(std::string name);

  class Hold;  // keeps a record's operations apart

  const Parts parts_;
  Changes changes_;
  Staging staging_;
  PluginHosts hosts_;
  Generation::Parts generation_parts_;
  std::map<std::string, std::unique_ptr<PluginRecord>> records_;  // by key
  std::vector<std::pair<PluginRecord*, Candidate>> prepared_;
  uint32_t last_generation_ = 0;
  uint32_t starting_ = 0;
  std::unique_ptr<FolderWatcher> watcher_;
  boost::asio::thread_pool files_{1};  // reads, hashes and copies files beside the io_context
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_MANAGER_H_
