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

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/model_info.h"
#include "core/params_schema.h"
#include "core/status.h"
#include "queue/job_queue.h"

namespace darkroom {

enum class ModelState : uint8_t { kUnloaded, kLoading, kReady, kFailed };

struct Model {
  explicit Model(ModelConfig model_config) : config(std::move(model_config)), queue(config.queue) {}

  ModelConfig config;
  ModelInfo info;                      // the plugin's manifest; empty if it could not be read
  std::optional<ParamsSchema> schema;  // of info.params
  std::string plugin_digest;           // SHA-256 of the plugin's file, hex
  std::string weights_digest;          // SHA-256, hex; empty while not known
  uint32_t max_batch = 1;

  ModelState state = ModelState::kUnloaded;
  Status error;  // why it failed, when it did
  // A failure that no later attempt can mend: the plugin's file is missing or unfit.
  bool broken = false;

  JobQueue queue;
  uint64_t jobs_ended = 0;
  // Of the jobs' run times, so that `busy` can say when to try again.
  double mean_run_ms = 0;
};

std::string_view ModelStateName(ModelState state);

}  // namespace darkroom

#endif  // DARKROOM_QUEUE_MODEL_H_
