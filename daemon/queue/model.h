// SPDX-License-Identifier: Apache-2.0
//
// Model is a name that clients ask for: a plugin with its weights and options, the rules its
// requests must keep, and its queue. A model whose plugin cannot be used is there too, so that
// whoever asks for it hears why.
//
// Lives on the io_context's thread, shared by the endpoints that lead to it, its jobs and its
// instances.

#ifndef DARKROOM_QUEUE_MODEL_H_
#define DARKROOM_QUEUE_MODEL_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/model_info.h"
#include "core/params_schema.h"
#include "core/status.h"
#include "queue/job_queue.h"
#include "queue/recent_requests.h"
#include "queue/run_times.h"
#include "queue/wait_clock.h"

namespace darkroom {

enum class ModelState : uint8_t { kUnloaded, kLoading, kReady, kFailed };

// What a model promises, and who keeps it: what one generation of its plugin says of itself. An
// upgrade gives the model another; requests that were understood by this one keep it.
struct ModelContract {
  // That instances are made by, since the model's own may have changed; nullptr: the model's own.
  std::shared_ptr<const ModelConfig> config;
  ModelInfo info;                      // the plugin's manifest; empty if it could not be read
  std::optional<ParamsSchema> schema;  // of info.params
  std::string plugin_digest;           // SHA-256 of the plugin's file, hex
  uint32_t generation = 0;
  uint32_t max_batch = 1;
};

struct Model {
  // `recent_requests`: how many answered requests are kept.
  explicit Model(ModelConfig model_config, size_t recent_requests = 0)
      : config(std::move(model_config)), queue(config.queue), recent(recent_requests) {}

  const ModelInfo& info() const { return contract->info; }
  // Whether it is to be loaded in no more places than it is.
  bool IsFull(uint32_t loaded) const { return config.instances > 0 && loaded >= config.instances; }
  // How many lanes may soon run its jobs: those where it is loaded, and one more if it may have it.
  uint32_t SoonLanes() const { return IsFull(lanes) ? lanes : std::min(lanes + 1, places); }

  ModelConfig config;
  std::shared_ptr<const ModelContract> contract = std::make_shared<ModelContract>();
  std::string weights_digest;  // SHA-256, hex; empty while not known

  ModelState state = ModelState::kUnloaded;
  Status error;  // why it failed, when it did
  // There is nobody to serve it: the plugin's file is missing or unfit, or was unloaded.
  bool broken = false;
  // Until then nobody will run its jobs: its plugin crashed too often, and rests.
  std::chrono::steady_clock::time_point resting_until{};
  // None of the devices that it has places on can be used now.
  bool stranded = false;

  JobQueue queue;
  RecentRequests recent;
  uint32_t lanes = 0;    // that serve it now
  uint32_t places = 0;   // that it can be loaded in
  uint32_t running = 0;  // jobs
  uint64_t jobs_ended = 0;
  uint64_t loads = 0;  // on whatever lane
  double load_ms = 0;  // that they took together
  RunTimes times;
  WaitClock waits;
};

std::string_view ModelStateName(ModelState state);

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_MODEL_H_
