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
  // Of the same file, each for a model that a new configuration has brought or changed.
  std::vector<std::unique_ptr<Generation>> beside;
  std::vector<std::unique_ptr<Generation>> leaving;
  // What rollback goes back to: the copy is kept.
  std::optional<StagedFile> previous;
  Status error;           // why nothing is active, or the last change failed
  bool unloaded = false;  // since somebody asked for it
  bool busy = false;
  uint64_t upgrades = 0;
  uint64_t resident = 0;  // generations that stayed mapped in the daemon
  uint64_t crashes = 0;   // of generations that are gone

  // All that serve.
  std::vector<Generation*> Serving() const;
  // The one that serves the model, or nullptr.
  Generation* ServingOf(const Model& model) const;
  bool HasLoaded(const Model& model) const;
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

  // What a new configuration changes (plugin_models.cc). Has the model, which may be new, served as
  // `config` says, by an instance beside the one that it has. An error changes nothing of a model
  // that is served; a new one is broken then, and says why.
  boost::asio::awaitable<Status> Serve(std::shared_ptr<Model> model, ModelConfig config);
  // Has a model that is served loaded where it is at home.
  boost::asio::awaitable<Status> LoadNow(std::shared_ptr<Model> model);
  // What waits for the model and what runs is done first; what still comes is answered with `why`.
  boost::asio::awaitable<void> Remove(std::shared_ptr<Model> model, Status why);
  // Begins every plugin anew, each beside what it was. The error is of the first that stayed as it
  // was.
  boost::asio::awaitable<Status> Renew();
  // What the plugin that the configuration names so is served from now; nullptr: nothing.
  std::shared_ptr<const PluginFile> FileOf(const std::string& key) const;

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

  using Digests = std::vector<std::string>;
  Result<Candidate> Read(const std::string& key, const Digests& allowed);
  boost::asio::awaitable<Result<Candidate>> ReadAside(std::string key);
  // Another copy of what the generation has open.
  boost::asio::awaitable<Result<Candidate>> CopyAside(const Generation& active);
  Status ReadStaged(const StagedFile& staged, const Digests& allowed, Candidate* candidate) const;

  PluginRecord* Find(const std::string& id_or_key) const;
  PluginRecord& RecordFor(const std::string& key);
  Status NoSuchPlugin(const std::string& id) const;

  boost::asio::awaitable<void> OpenAtStart(PluginRecord* record, Candidate candidate);
  // Replaces what the plugin has by the candidate, which came from `what`, as soon as nobody else
  // changes it.
  boost::asio::awaitable<Result<PluginChange>> Take(PluginRecord* record, const std::string& what,
                                                    const Candidate& candidate);
  // Makes the candidate the plugin's active generation, `anew` even if it is the same file. The
  // record must be held.
  boost::asio::awaitable<Result<PluginChange>> Replace(PluginRecord* record,
                                                       const Candidate& candidate,
                                                       bool anew = false);
  // Has the model served by the candidate as `config` says. The record must be held.
  boost::asio::awaitable<Status> ServeBeside(PluginRecord* record, std::shared_ptr<Model> model,
                                             const ModelConfig& config, const Candidate& candidate);
  boost::asio::awaitable<Status> WarmBeside(Generation* next, std::shared_ptr<Model> model,
                                            bool* swapped);
  void SwitchBeside(PluginRecord* record, const std::shared_ptr<Model>& model,
                    const ModelConfig& config, std::unique_ptr<Generation> next);
  // Nobody has jobs for the model there any more.
  boost::asio::awaitable<void> Depart(PluginRecord* record, Generation* old,
                                      std::shared_ptr<Model> model);
  PluginRecord* RecordOf(const Model& model) const;
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

  // Lets whoever else would change the plugin wait until this is destroyed.
  class Hold {
   public:
    Hold(PluginRecord* record, Changes* changes) : record_(record), changes_(changes) {
      record_->busy = true;
    }
    ~Hold() {
      record_->busy = false;
      changes_->Notify();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    PluginRecord* const record_;
    Changes* const changes_;
  };

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
