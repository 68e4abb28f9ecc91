// SPDX-License-Identifier: Apache-2.0
//
// What a new configuration asks of a daemon that runs by another: which models and routes come, go
// or change, which settings are switched where they are, and which keys only a restart can change
// (docs/configuration.md, "When a change takes effect").
//
// A pure function and plain values, safe from any thread.

#ifndef DARKROOM_RELOAD_PLAN_H_
#define DARKROOM_RELOAD_PLAN_H_

#include <string>
#include <vector>

#include "config/config.h"

namespace darkroom {

struct ReloadPlan {
  // A model that stays, and is not as it was.
  struct ModelChange {
    std::string name;
    std::vector<std::string> keys;  // "queue"
    bool remade = false;            // it needs another instance
  };

  // What is to hold: as the file says, but for what needs a restart, which stays as it is.
  Config config;
  std::vector<std::string> needs_restart;  // "nats.url"
  std::vector<std::string> settings;       // "limits.queued"
  // Plugins begin anew, since what they run in was started with such a setting.
  bool renews_plugins = false;
  std::vector<std::string> added;  // models
  std::vector<ModelChange> changed;
  std::vector<std::string> removed;
  std::vector<std::string> routes_added;  // subjects
  std::vector<std::string> routes_changed;
  std::vector<std::string> routes_removed;

  // Nothing is to be done, whatever needs a restart.
  bool empty() const;
  bool touches_routes() const;
};

ReloadPlan PlanReload(const Config& now, const Config& wanted);

}  // namespace darkroom

#endif  // DARKROOM_RELOAD_PLAN_H_
